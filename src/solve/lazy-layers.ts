import { existsSync } from "node:fs";
import { placeName } from "../cache/place.ts";
import { CambiumError } from "../errors.ts";
import type { ImageSet } from "../image/image.ts";
import { familiarReference, type Reference } from "../image/reference.ts";
import { verified } from "../image/verified.ts";
import type { Descriptor, Digest } from "../layer/digest.ts";
import type { Layer, LayerRecord } from "../layer/layer.ts";
import { type BlobHome, fetchBlob } from "../registry/fetch-blob.ts";
import { openRepository } from "../registry/repository.ts";
import type { Store } from "../store/store.ts";
import { isComposable, storedLayer } from "../store/stored-layer.ts";
import { cachedPlaces, forgetCached } from "./cached-places.ts";
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

/** Remembers the image layout folder that a layer was seen in; absolute. */
export function noteLayout(store: Store, digest: Digest, folder: string): void {
  store.records.put("layout", digest, folder);
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
  return hasHome(store, digest) || cachedPlaces(store, digest).length > 0;
}

/** Whether that is the image that it was seen in, and not only a cache. */
export function hasHome(store: Store, digest: Digest): boolean {
  return originOf(store, digest) !== undefined || layoutOf(store, digest) !== undefined;
}

/** The registry of that image, if it is of one. */
export function originRegistry(store: Store, digest: Digest): string | undefined {
  return originOf(store, digest)?.registry;
}

/** The folder, if it is still one. */
function layoutOf(store: Store, digest: Digest): string | undefined {
  const folder = notedLayout(store, digest);
  return folder !== undefined && existsSync(folder) ? folder : undefined;
}

function notedLayout(store: Store, digest: Digest): string | undefined {
  return store.records.get("layout", digest) as string | undefined;
}

async function* layoutBlob(
  folder: string,
  blob: Parameters<BlobHome["blob"]>[0],
): AsyncGenerator<Uint8Array> {
  const { readLayoutBlob } = await import("../image/sources/layout-folder.ts");
  yield* verified(readLayoutBlob(folder, blob.digest), blob, `${folder}: ${blob.digest}`);
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
  const lost = await fetchCached(descriptor, bench);
  if (store.blobs.has(descriptor.digest)) return;
  if (lost !== undefined && originOf(store, descriptor.digest) === undefined) throw lost;
  const layout = layoutOf(store, descriptor.digest);
  const origin = originOf(store, descriptor.digest);
  const place = layout ?? (origin && familiarReference(origin));
  if (place === undefined) {
    const gone = notedLayout(store, descriptor.digest);
    if (gone === undefined) return;
    throw new CambiumError("LAYER_GONE", `layer ${descriptor.digest}: ${gone} is not there any more`, {
      hint: "Bring the folder back, or build again with the image where it is now.",
    });
  }
  const name = `${place} ${descriptor.digest.slice(7, 19)}`;
  try {
    const home: BlobHome =
      layout === undefined
        ? openRepository(origin!, registries)
        : { blob: (blob) => layoutBlob(layout, blob) };
    await fetchBlob(store, home, descriptor, { name, emit, signal });
  } catch (error) {
    const isGone = error instanceof CambiumError && /^(BLOB|NAME|MANIFEST)_UNKNOWN$/.test(error.code);
    if (!isGone) throw error;
    throw new CambiumError("LAYER_GONE", `layer ${descriptor.digest}: ${place} does not have it any more`, {
      hint: "Build with --no-cache to make it here; if it is the base's, look the base up again with --pull.",
      cause: error,
    });
  }
}

/**
 * As `fetchLayer`, from where caches have it. A place that turns out not to, or to have other bytes, is not asked for it
 * again. @returns why it is not had from there; undefined also where no place is known.
 */
async function fetchCached(descriptor: Descriptor, bench: LayerBench): Promise<CambiumError | undefined> {
  const { store, registries, emit, signal } = bench;
  let lost: CambiumError | undefined;
  for (const place of cachedPlaces(store, descriptor.digest)) {
    const name = placeName(place);
    try {
      const options = { name: `${name} ${descriptor.digest.slice(7, 19)}`, emit, signal };
      // Most builds fetch nothing, and need none of its schemas.
      const { openRemote } = await import("../cache/open-remote.ts");
      await fetchBlob(store, openRemote(place, registries), descriptor, options);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CambiumError) || /^(DISK_FULL|STORE_)/.test(error.code)) throw error;
      forgetCached(store, descriptor.digest, place);
      const message = `the cache ${name} does not have the layer ${descriptor.digest}: ${error.message}`;
      lost = new CambiumError("LAYER_GONE", message, { hint: error.hint, cause: error });
    }
  }
  return lost;
}

/** An image of the store whose layers from elsewhere are fetched when read, and mounted when pushed. */
export function withLazyLayers(set: ImageSet, bench: LayerBench): ImageSet {
  for (const { layers } of set.images) {
    for (const { descriptor } of layers) {
      const pushed = bench.store.records.get("pushed", descriptor.digest) as Origin | undefined;
      const cached = cachedPlaces(bench.store, descriptor.digest).flatMap((place) =>
        place.kind === "registry" ? [place.reference] : [],
      );
      for (const home of [originOf(bench.store, descriptor.digest), pushed, ...cached]) {
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
