import type { Descriptor } from "../layer/digest.ts";
import type { Layer } from "../layer/layer.ts";
import { formatPlatform, type Platform } from "../platform.ts";
import { type BaseConfig, buildImageConfig, type ImageSettings, type LayerHistory } from "./config.ts";
import { type Annotations, type Blob, blobOf, buildIndex, buildManifest } from "./manifest.ts";
import { CONFIG_MEDIA_TYPE } from "./media-types.ts";

/** One image, for one platform. Layers from the bottom up. */
export type Image = {
  readonly platform: Platform;
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Layer[];
};

/** What a tag points to: one image, or an index of several. */
export type ImageSet = { readonly images: readonly Image[]; readonly index?: Blob };

/** What an image stands on. Docker-typed layers are here as OCI's, with the same bytes. */
export type ImageUnderneath = { readonly config: BaseConfig; readonly layers: readonly Layer[] };

/** Describes an image without touching the bytes of its layers. @throws CambiumError `CONFIG_INVALID`. */
export function assembleImage(input: {
  readonly platform: Platform;
  readonly config: ImageSettings;
  /** Without `layer` a step that changed no file. */
  readonly layers: readonly { readonly layer?: Layer; readonly history: LayerHistory }[];
  readonly created: string;
  readonly annotations?: Annotations;
  readonly base?: ImageUnderneath;
}): Image {
  const { base } = input;
  const layers = [...(base?.layers ?? []), ...input.layers.flatMap(({ layer }) => layer ?? [])];
  const bytes = buildImageConfig({
    platform: input.platform,
    config: input.config,
    created: input.created,
    layers: input.layers.map(({ layer, history }) => ({
      history,
      ...(layer !== undefined && { diffId: layer.diffId }),
    })),
    ...(base !== undefined && { base: base.config }),
  });
  const config = blobOf(bytes, CONFIG_MEDIA_TYPE);
  const descriptors = layers.map((layer) => layer.descriptor);
  return {
    platform: input.platform,
    config,
    manifest: buildManifest(config.descriptor, descriptors, input.annotations),
    layers,
  };
}

/** What a registry would hold for it in bytes: layers, config, manifest. */
export function imageSize({ layers, config, manifest }: Image): number {
  const documents = config.descriptor.size + manifest.descriptor.size;
  return layers.reduce((sum, { descriptor }) => sum + descriptor.size, documents);
}

/** An index stands around several images only; their order does not depend on the caller's. */
export function imageSet(images: readonly Image[], annotations?: Annotations): ImageSet {
  if (images.length < 2) return { images };
  const sorted = images.toSorted((a, b) =>
    formatPlatform(a.platform) < formatPlatform(b.platform) ? -1 : 1,
  );
  const manifests = sorted.map(({ manifest, platform }) => ({ descriptor: manifest.descriptor, platform }));
  return { images: sorted, index: buildIndex(manifests, annotations) };
}

/** The document that a tag points to. */
export function rootOf(set: ImageSet): Blob {
  const root = set.index ?? set.images[0]?.manifest;
  if (root === undefined) throw new TypeError("an image set without images");
  return root;
}

/** Every blob of the set once, by digest: configs and layers before the documents that name them. */
export function blobsOf(set: ImageSet): readonly BlobSource[] {
  const found = new Map<string, BlobSource>();
  const add = (descriptor: Descriptor, bytes: () => AsyncIterable<Uint8Array>) => {
    if (!found.has(descriptor.digest)) found.set(descriptor.digest, { descriptor, bytes });
  };
  for (const image of set.images) {
    for (const layer of image.layers) add(layer.descriptor, () => layer.compressed());
    add(image.config.descriptor, () => once(image.config.bytes));
  }
  for (const { manifest } of set.images) add(manifest.descriptor, () => once(manifest.bytes));
  if (set.index !== undefined) {
    const { descriptor, bytes } = set.index;
    add(descriptor, () => once(bytes));
  }
  return [...found.values()];
}

/** A blob whose bytes may be made only while they are read. */
export type BlobSource = { readonly descriptor: Descriptor; readonly bytes: () => AsyncIterable<Uint8Array> };

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
