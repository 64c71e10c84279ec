import {
  type ConfigDocument,
  configSchema,
  indexSchema,
  type ManifestDocument,
  manifestSchema,
} from "../image/documents.ts";
import type { Image, ImageSet } from "../image/image.ts";
import { type Blob, blobOf } from "../image/manifest.ts";
import { INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE } from "../image/media-types.ts";
import type { Digest } from "../layer/digest.ts";
import { parsePlatform } from "../platform.ts";
import type { Store } from "./store.ts";
import { storedLayer } from "./stored-layer.ts";

/** Keeps the documents of an image; its layers are known by their compositions. */
export function rememberImage(store: Store, set: ImageSet): void {
  for (const image of set.images) {
    store.blobs.put(image.config.bytes);
    store.blobs.put(image.manifest.bytes);
  }
  if (set.index !== undefined) store.blobs.put(set.index.bytes);
}

/** The image or index of that digest; undefined when the store does not have its documents (a miss). */
export function loadImageSet(store: Store, digest: Digest): ImageSet | undefined {
  const bytes = readBlob(store, digest);
  if (bytes === undefined) return undefined;
  const document: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
  const index = indexSchema.safeParse(document);
  if (!index.success) {
    const image = loadImage(store, bytes);
    return image === undefined ? undefined : { images: [image] };
  }
  const images = index.data.manifests.map(({ digest: child }) => {
    const manifest = readBlob(store, child as Digest);
    return manifest === undefined ? undefined : loadImage(store, manifest);
  });
  if (!images.every((image) => image !== undefined)) return undefined;
  return { images, index: blobOf(bytes, INDEX_MEDIA_TYPE) };
}

function loadImage(store: Store, bytes: Uint8Array): Image | undefined {
  const manifest: ManifestDocument = manifestSchema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  const configBytes = readBlob(store, manifest.config.digest as Digest);
  if (configBytes === undefined) return undefined;
  const config: ConfigDocument = configSchema.parse(JSON.parse(Buffer.from(configBytes).toString("utf8")));
  const configBlob: Blob = blobOf(configBytes, manifest.config.mediaType);
  return {
    platform: parsePlatform(`${config.os}/${config.architecture}`, "image config"),
    manifest: blobOf(bytes, MANIFEST_MEDIA_TYPE),
    config: configBlob,
    layers: manifest.layers.map(({ mediaType, digest, size }, i) => {
      const diffId = config.rootfs.diff_ids[i];
      if (diffId === undefined) throw new TypeError("a stored image with fewer diff ids than layers");
      return storedLayer(store, { descriptor: { mediaType, digest, size }, diffId });
    }),
  };
}

/** A small blob whole. */
function readBlob(store: Store, digest: Digest): Uint8Array | undefined {
  const size = store.blobs.size(digest);
  if (size === undefined) return undefined;
  const bytes = new Uint8Array(size);
  store.blobs.read(digest, 0, bytes);
  return bytes;
}
