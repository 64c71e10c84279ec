import { CambiumError, usageError } from "../errors.ts";
import type { ConfigDocument } from "../image/documents.ts";
import { type LoadedImage, loadImage } from "../image/load.ts";
import { layerCompression, ociLayerType } from "../image/media-types.ts";
import { parseReference, type Reference } from "../image/reference.ts";
import type { Digest } from "../layer/digest.ts";
import type { LayerRecord } from "../layer/layer.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { openRemoteImage } from "../registry/remote-image.ts";
import { noteOrigin } from "./lazy-layers.ts";
import type { Workbench } from "./workbench.ts";

/** One image of a registry without its layers' bytes. */
export type BaseDocuments = {
  /** Of the manifest. */
  readonly digest: Digest;
  readonly config: ConfigDocument;
  /** Bottom up; the media types are OCI's, whatever the registry says. */
  readonly layers: readonly LayerRecord[];
};

/** Overlay itself ends at 500. */
const MAX_LAYERS = 500;

type Bench = Pick<Workbench, "store" | "registries">;

/**
 * Asks the registry what a reference points to now, for each platform.
 * @throws CambiumError `MANIFEST_UNKNOWN`, `PLATFORM_UNKNOWN`, `MANIFEST_INVALID`, `MEDIA_TYPE_UNKNOWN`, and as
 *   `Repository`.
 */
export async function findBase(
  text: string,
  platforms: readonly Platform[],
  bench: Bench,
): Promise<{ readonly digest: Digest; readonly images: readonly BaseDocuments[] }> {
  const reference = parseReference(text, "base");
  const source = await openRemoteImage(reference, bench.registries);
  const images: BaseDocuments[] = [];
  for (const platform of platforms) {
    images.push(remember(await loadImage(source, platform), reference, platform, bench));
  }
  return { digest: source.root.digest, images };
}

/**
 * The documents of one image by its digest: from the store's memory, or from the registry.
 * @throws CambiumError as `findBase`.
 */
export async function baseDocuments(
  text: string,
  digest: Digest,
  platform: Platform,
  bench: Bench,
): Promise<BaseDocuments> {
  const known = bench.store.records.get("base", digest) as BaseDocuments | undefined;
  if (known !== undefined) return known;
  const { tag: _, ...repository } = parseReference(text, "base");
  const reference = { ...repository, digest };
  const source = await openRemoteImage(reference, bench.registries);
  return remember(await loadImage(source, platform), reference, platform, bench);
}

function remember(
  { digest, config, layers }: LoadedImage,
  reference: Reference,
  platform: Platform,
  { store }: Bench,
): BaseDocuments {
  const where = `${reference.registry}/${reference.repository}@${digest}`;
  if (config.os !== platform.os || config.architecture !== platform.architecture) {
    throw usageError(
      "PLATFORM_UNKNOWN",
      `base ${where}: it is for ${config.os}/${config.architecture}, not for ${formatPlatform(platform)}`,
      "Choose another base, or another --platform.",
    );
  }
  const isWhole = config.rootfs.diff_ids.length === layers.length;
  if (!isWhole || layers.length > MAX_LAYERS) {
    throw new CambiumError(
      "MANIFEST_INVALID",
      `base ${where}: ${layers.length} layers, and ${config.rootfs.diff_ids.length} diff ids in its config`,
      { hint: "Choose another base; `cambium validate` names all that is wrong with an image." },
    );
  }
  const documents: BaseDocuments = {
    digest,
    config,
    layers: layers.map(({ descriptor, diffId }) => {
      if (layerCompression(descriptor.mediaType) === undefined) {
        throw new CambiumError(
          "MEDIA_TYPE_UNKNOWN",
          `base ${where}: not a layer's media type: ${JSON.stringify(descriptor.mediaType)}`,
          { hint: "Layers are tars, plain, gzip or zstd; encrypted and other artifacts cannot be a base." },
        );
      }
      noteOrigin(store, descriptor.digest, reference);
      return { descriptor: { ...descriptor, mediaType: ociLayerType(descriptor.mediaType) }, diffId };
    }),
  };
  store.records.put("base", digest, documents);
  return documents;
}
