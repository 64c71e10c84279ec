import {
  familiarReference,
  formatReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../image/reference.ts";
import type { Digest } from "../layer/digest.ts";
import type { Workbench } from "../solve/workbench.ts";
import { tagImage } from "../store/tags.ts";

/** Names as given, read once: with `latest` where none is said. @throws CambiumError `REFERENCE_SYNTAX`. */
export function parseTags(tags: readonly string[]): Reference[] {
  return tags.map((tag) => withDefaultTag(parseReference(tag, "--tag")));
}

/** Keeps the image in the store under these names; answers them in full. */
export function keepTags(
  tags: readonly Reference[],
  digest: Digest,
  { store, emit }: Pick<Workbench, "store" | "emit">,
): string[] {
  return tags.map((tag) => {
    const name = formatReference(tag);
    tagImage(store, name, digest);
    emit({ type: "output", kind: "store", where: familiarReference(tag), digest });
    return name;
  });
}
