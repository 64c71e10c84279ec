import { usageError } from "../errors.ts";
import type { Descriptor, Digest } from "../layer/digest.ts";
import type { Layer } from "../layer/layer.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { type ConfigDocument, configSchema, indexSchema, manifestSchema } from "./documents.ts";
import { readDocument } from "./inspect.ts";
import { isIndexType } from "./media-types.ts";
import type { ImageSource } from "./source.ts";
import type { StatedBlob } from "./validate-layer.ts";
import { verified } from "./verified.ts";

/** An existing image for one platform; layers are checked against their digests while they are read. */
export type LoadedImage = {
  readonly digest: Digest;
  readonly config: ConfigDocument;
  readonly layers: readonly Layer[];
};

/**
 * Opens the image of `source` that is for `platform`; an index must have it.
 * @throws CambiumError `PLATFORM_UNKNOWN`, `MANIFEST_INVALID`, `DIGEST_INVALID`, `SIZE_INVALID`, `BLOB_UNKNOWN`.
 */
export async function loadImage(source: ImageSource, platform: Platform): Promise<LoadedImage> {
  const root = isIndexType(source.root.mediaType) ? await choose(source, platform) : source.root;
  const manifest = await readDocument(source, root, manifestSchema);
  const config = await readDocument(source, manifest.config, configSchema);
  const layers = manifest.layers.map((stated, number): Layer => {
    const diffId = config.rootfs.diff_ids[number];
    if (diffId === undefined) throw noDiffId(source, number);
    const descriptor: Descriptor = { mediaType: stated.mediaType, digest: stated.digest, size: stated.size };
    const where = `${source.where}: layer ${stated.digest}`;
    return { descriptor, diffId, compressed: () => verified(source.read(stated.digest), descriptor, where) };
  });
  return { digest: root.digest, config, layers };
}

async function choose(source: ImageSource, platform: Platform): Promise<StatedBlob> {
  const index = await readDocument(source, source.root, indexSchema);
  const found = index.manifests.find(
    (row) => row.platform?.os === platform.os && row.platform.architecture === platform.architecture,
  );
  if (found !== undefined) return found;
  const all = index.manifests.flatMap((row) =>
    row.platform === undefined ? [] : [`${row.platform.os}/${row.platform.architecture}`],
  );
  throw usageError(
    "PLATFORM_UNKNOWN",
    `${source.where}: no image for ${formatPlatform(platform)}`,
    `It has: ${all.join(", ") || "none"}.`,
  );
}

function noDiffId(source: ImageSource, number: number): Error {
  return usageError(
    "MANIFEST_INVALID",
    `${source.where}: the config has no diff id for layer ${number + 1}`,
    "`cambium validate` lists everything that is wrong with it.",
  );
}
