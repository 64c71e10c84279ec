import { canonicalJson } from "../../canonical-json.ts";
import type { Descriptor } from "../../layer/digest.ts";
import { INDEX_MEDIA_TYPE } from "../media-types.ts";
import { formatReference, type Reference, withDefaultTag } from "../reference.ts";

/** Content of the file that marks an image layout (image-spec, image-layout.md). */
export const LAYOUT_MARK = canonicalJson({ imageLayoutVersion: "1.0.0" });

/** The tag alone, which skopeo and umoci look for. (image-spec, annotations.md) */
export const REF_NAME = "org.opencontainers.image.ref.name";
/** The full reference, which containerd and `docker load` look for. */
export const IMAGE_NAME = "io.containerd.image.name";

/** One row of `index.json`; rows of others are kept as they were, so their members are not known. */
export type LayoutEntry = Readonly<Record<string, unknown>> & {
  readonly annotations?: Readonly<Record<string, string>>;
};

/** The rows for `root`: one per tag, or a single nameless one. */
export function layoutEntries(root: Descriptor, tags: readonly Reference[]): LayoutEntry[] {
  const { mediaType, digest, size } = root;
  if (tags.length === 0) return [{ mediaType, digest, size }];
  return tags.map((reference) => {
    const tagged = withDefaultTag(reference);
    const name = formatReference(tagged);
    return {
      mediaType,
      digest,
      size,
      annotations: { [IMAGE_NAME]: name, [REF_NAME]: tagged.tag ?? tagged.digest ?? name },
    };
  });
}

/** New rows replace old ones of the same name and stand behind those that stay. */
export function mergeEntries(before: readonly LayoutEntry[], added: readonly LayoutEntry[]): LayoutEntry[] {
  const names = new Set(added.map(nameOf));
  return [...before.filter((entry) => !names.has(nameOf(entry))), ...added];
}

/** Nameless rows share the empty name, so a folder holds at most one that we wrote. */
function nameOf(entry: LayoutEntry): string {
  return entry.annotations?.[IMAGE_NAME] ?? entry.annotations?.[REF_NAME] ?? "";
}

export function layoutIndex(entries: readonly LayoutEntry[]): string {
  return canonicalJson({ schemaVersion: 2, mediaType: INDEX_MEDIA_TYPE, manifests: entries });
}
