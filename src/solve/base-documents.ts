import { CambiumError, usageError } from "../errors.ts";
import type { ConfigDocument } from "../image/documents.ts";
import { parseLayoutReference } from "../image/layout-reference.ts";
import { type LoadedImage, loadImage } from "../image/load.ts";
import { layerCompression, ociLayerType } from "../image/media-types.ts";
import { parseReference } from "../image/reference.ts";
import type { ImageSource } from "../image/source.ts";
import type { Digest } from "../layer/digest.ts";
import type { LayerRecord } from "../layer/layer.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { openRemoteImage } from "../registry/remote-image.ts";
import { layoutFolder, placeOf } from "./image-places.ts";
import { noteLayout, noteOrigin } from "./lazy-layers.ts";
import type { Workbench } from "./workbench.ts";

/** One image of a registry, or of an image layout, without its layers' bytes. */
export type BaseDocuments = {
  /** Of the manifest. */
  readonly digest: Digest;
  readonly config: ConfigDocument;
  /** Bottom up; the media types are OCI's, whatever the registry says. */
  readonly layers: readonly LayerRecord[];
};

/** Overlay itself ends at 500. */
const MAX_LAYERS = 500;

type Bench = Pick<Workbench, "store" | "registries" | "imagePlaces">;

/** An image where it is, and how it is noted that a layer can be had there. */
type Opened = {
  readonly source: ImageSource;
  /** Folder or repository, for messages. */
  readonly place: string;
  readonly note: (digest: Digest) => void;
};

/**
 * Asks the registry, or the image layout, what a reference points to now, for each platform.
 * @throws CambiumError `MANIFEST_UNKNOWN`, `PLATFORM_UNKNOWN`, `MANIFEST_INVALID`, `MEDIA_TYPE_UNKNOWN`, and as
 *   `Repository` and `openLayoutImage`.
 */
export async function findBase(
  text: string,
  platforms: readonly Platform[],
  bench: Bench,
): Promise<{ readonly digest: Digest; readonly images: readonly BaseDocuments[] }> {
  const opened = await open(text, undefined, bench);
  const { source } = opened;
  const images: BaseDocuments[] = [];
  for (const platform of platforms) {
    images.push(remember(await loadImage(source, platform), opened, platform, bench));
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
  const opened = await open(text, digest, bench);
  return remember(await loadImage(opened.source, platform), opened, platform, bench);
}

/** @param digest instead of what the reference names */
async function open(reference: string, digest: Digest | undefined, bench: Bench): Promise<Opened> {
  const text = placeOf(reference, bench);
  const layout = parseLayoutReference(text);
  if (layout !== undefined) {
    const { openLayoutImage } = await import("../image/sources/layout-folder.ts");
    const folder = layoutFolder(layout.folder, bench);
    return {
      source: await openLayoutImage(digest === undefined ? { ...layout, folder } : { folder, digest }),
      place: folder,
      note: (layer) => noteLayout(bench.store, layer, folder),
    };
  }
  const named = parseReference(text, "base");
  const { registry, repository } = named;
  const pinned = digest === undefined ? named : { registry, repository, digest };
  return {
    source: await openRemoteImage(pinned, bench.registries),
    place: `${registry}/${repository}`,
    note: (layer) => noteOrigin(bench.store, layer, pinned),
  };
}

function remember(
  { digest, config, layers }: LoadedImage,
  { place, note }: Opened,
  platform: Platform,
  { store }: Bench,
): BaseDocuments {
  const where = `${place}@${digest}`;
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
      note(descriptor.digest);
      return { descriptor: { ...descriptor, mediaType: ociLayerType(descriptor.mediaType) }, diffId };
    }),
  };
  store.records.put("base", digest, documents);
  return documents;
}
