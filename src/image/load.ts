import { CambiumError, usageError } from "../errors.ts";
import type { Descriptor, Digest } from "../layer/digest.ts";
import type { Layer } from "../layer/layer.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { choosePlatform, platformHint } from "./choose-platform.ts";
import { type ConfigDocument, configSchema, indexSchema, manifestSchema } from "./documents.ts";
import { readDocument } from "./inspect.ts";
import { isIndexType } from "./media-types.ts";
import type { ImageSource, StatedBlob } from "./source.ts";
import { verified } from "./verified.ts";

/** As `validateImage` has it; a real image has one. */
const MAX_INDEX_DEPTH = 4;

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
  const root = await choose(source, platform);
  const manifest = await readDocument(source, root, manifestSchema);
  const config = await readDocument(source, manifest.config, configSchema);
  const layers = manifest.layers.map((stated, number): Layer => {
    const diffId = config.rootfs.diff_ids[number];
    if (diffId === undefined) throw noDiffId(source, number);
    const descriptor: Descriptor = { mediaType: stated.mediaType, digest: stated.digest, size: stated.size };
    const where = `${source.where}: layer ${stated.digest}`;
    return { descriptor, diffId, compressed: () => verified(source.read(stated), descriptor, where) };
  });
  return { digest: root.digest, config, layers };
}

/** Goes down from the root, through indexes, to the manifest for `platform`. */
async function choose(source: ImageSource, platform: Platform): Promise<StatedBlob> {
  let at: StatedBlob = source.root;
  for (let depth = 0; isIndexType(at.mediaType); depth++) {
    if (depth === MAX_INDEX_DEPTH) {
      throw new CambiumError(
        "MANIFEST_INVALID",
        `${source.where}: more than ${MAX_INDEX_DEPTH} indexes in one another`,
        {
          hint: "Name the manifest that is meant by its digest.",
        },
      );
    }
    const { manifests } = await readDocument(source, at, indexSchema);
    const found = choosePlatform(manifests, platform);
    if (found === undefined) {
      throw usageError(
        "PLATFORM_UNKNOWN",
        `${source.where}: no image for ${formatPlatform(platform)}`,
        platformHint(manifests, platform),
      );
    }
    at = found;
  }
  return at;
}

function noDiffId(source: ImageSource, number: number): Error {
  return usageError(
    "MANIFEST_INVALID",
    `${source.where}: the config has no diff id for layer ${number + 1}`,
    "`cambium validate` lists everything that is wrong with it.",
  );
}
