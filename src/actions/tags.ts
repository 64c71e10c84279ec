import { parseReference, type Reference, withDefaultTag } from "../image/reference.ts";

/** Names as given, read once: with `latest` where none is said. @throws CambiumError `REFERENCE_SYNTAX`. */
export function parseTags(tags: readonly string[]): Reference[] {
  return tags.map((tag) => withDefaultTag(parseReference(tag, "--tag")));
}
