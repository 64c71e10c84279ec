import { messageOf, usageError } from "../../errors.ts";
import type { Descriptor } from "../../layer/digest.ts";
import { describeIssues, indexSchema } from "../documents.ts";
import { IMAGE_NAME, REF_NAME } from "../outputs/layout-documents.ts";

/**
 * The row of an `index.json` that `tag` names: by full name or by tag; without one there must be a single image.
 * @throws CambiumError `SOURCE_UNREADABLE`, `SOURCE_AMBIGUOUS`, `SOURCE_TAG_UNKNOWN`.
 */
export function chooseRoot(text: string, where: string, tag?: string): Descriptor {
  const rows = parseIndex(text, where);
  const names = rows.map(
    ({ annotations }) => annotations?.[IMAGE_NAME] ?? annotations?.[REF_NAME] ?? "(no name)",
  );
  const chosen =
    tag === undefined
      ? rows
      : rows.filter(
          ({ annotations }) => annotations?.[IMAGE_NAME] === tag || annotations?.[REF_NAME] === tag,
        );
  const [first] = chosen;
  const list = `It has: ${names.slice(0, 10).join(", ") || "none"}.`;
  if (first === undefined) {
    if (tag === undefined)
      throw usageError("SOURCE_UNREADABLE", `no image in ${where}`, "Write one there first.");
    throw usageError("SOURCE_TAG_UNKNOWN", `no image ${JSON.stringify(tag)} in ${where}`, list);
  }
  if (new Set(chosen.map((row) => row.digest)).size > 1) {
    throw usageError("SOURCE_AMBIGUOUS", `several images in ${where}`, `Name one. ${list}`);
  }
  return { mediaType: first.mediaType, digest: first.digest, size: first.size };
}

function parseIndex(text: string, where: string) {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw usageError(
      "SOURCE_UNREADABLE",
      `${where}: index.json is not JSON: ${messageOf(error)}`,
      HINT,
      error,
    );
  }
  const parsed = indexSchema.safeParse(json);
  if (parsed.success) return parsed.data.manifests;
  throw usageError("SOURCE_UNREADABLE", `${where}: index.json: ${describeIssues(parsed.error)}`, HINT);
}

const HINT = "The image layout is damaged; write it again.";
