import { CambiumError } from "../errors.ts";
import type { ImageSet } from "../image/image.ts";
import { familiarReference, type Reference } from "../image/reference.ts";
import type { Digest } from "../layer/digest.ts";
import type { Layer, LayerRecord } from "../layer/layer.ts";
import { fetchBlob } from "../registry/fetch-blob.ts";
import { openRepository } from "../registry/repository.ts";
import type { Store } from "../store/store.ts";
import { isComposable, storedLayer } from "../store/stored-layer.ts";
import type { Workbench } from "./workbench.ts";

/** A repository that has a blob. */
export type Origin = Pick<Reference, "registry" | "repository">;

/** What layers are fetched with. */
export type LayerBench = Pick<Workbench, "store" | "registries" | "emit" | "signal">;

/** Remembers where a layer that was not made here can be had. */
export function noteOrigin(store: Store, digest: Digest, { registry, repository }: Origin): void {
  store.records.put("origin", digest, { registry, repository });
}

function originOf(store: Store, digest: Digest): Origin | undefined {
  return store.records.get("origin", digest) as Origin | undefined;
}

/**
 * Remembers that a repository has the layers of an image that was pushed to it: another repository of its registry can
 * have them mounted. They are still to be had here, so it is no origin: a registry that is gone must not matter.
 */
export function notePushed(store: Store, set: ImageSet, { registry, repository }: Origin): void {
  const layers = set.images.flatMap((image) => image.layers);
  store.records.transaction(() => {
    for (const { descriptor } of layers)
      store.records.put("pushed", descriptor.digest, { registry, repository });
  });
}

/** Whether it is known where the layer can be had. */
export function hasOrigin(store: Store, digest: Digest): boolean {
  return originOf(store, digest) !== undefined;
}

/** A layer that is fetched from where it was seen when something first reads it, and then kept. */
export function lazyLayer(record: LayerRecord, bench: LayerBench): Layer {
  const { descriptor, diffId } = record;
  async function* compressed(): AsyncGenerator<Uint8Array> {
    if (!isComposable(bench.store, descriptor.digest)) await fetchLayer(record, bench);
    yield* storedLayer(bench.store, record).compressed();
  }
  return { descriptor, diffId, compressed };
}

/**
 * Brings a layer's bytes into the store, unless they are there or nobody has them.
 * @throws CambiumError `LAYER_GONE`, and as `fetchBlob`.
 */
export async function fetchLayer({ descriptor }: LayerRecord, bench: LayerBench): Promise<void> {
  const { store, registries, emit, signal } = bench;
  if (store.blobs.has(descriptor.digest)) return;
  const origin = originOf(store, descriptor.digest);
  if (origin === undefined) return;
  const place = familiarReference(origin);
  const name = `${place} ${descriptor.digest.slice(7, 19)}`;
  try {
    await fetchBlob(store, openRepository(origin, registries), descriptor, { name, emit, signal });
  } catch (error) {
    const isGone = error instanceof CambiumError && /^(BLOB|NAME|MANIFEST)_UNKNOWN$/.test(error.code);
    if (!isGone) throw error;
    throw new CambiumError("LAYER_GONE", `layer ${descriptor.digest}: ${place} does not have it any more`, {
      hint: "Build with --no-cache to make it here; if it is the base's, look the base up again with --pull.",
      cause: error,
    });
  }
}

/** An image of the store whose layers from elsewhere are fetched when read, and mounted when pushed. */
export function withLazyLayers(set: ImageSet, bench: LayerBench): ImageSet {
  for (const { layers } of set.images) {
    for (const { descriptor } of layers) {
      const pushed = bench.store.records.get("pushed", descriptor.digest) as Origin | undefined;
      for (const home of [originOf(bench.store, descriptor.digest), pushed]) {
        if (home !== undefined)
          bench.registries.blobHomes.note(home.registry, home.repository, descriptor.digest);
      }
    }
  }
  return {
    ...set,
    images: set.images.map((image) => ({
      ...image,
      layers: image.layers.map((layer) => lazyLayer(layer, bench)),
    })),
  };
}
