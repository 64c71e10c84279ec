import { createGate } from "../fetch/gate.ts";
import type { ImageTree } from "../image/image-tree.ts";
import { mergeListings } from "../image/merge-listings.ts";
import { readLayer } from "../image/read-layer.ts";
import type { LayerRecord } from "../layer/layer.ts";
import type { LayerListing, WantedFiles } from "../layer/listing.ts";
import { composedListing } from "./composed-listing.ts";
import { fetchLayer, type LayerBench, lazyLayer } from "./lazy-layers.ts";
import { step } from "./workbench.ts";

/** Layers are read one after the other per core, but fetched side by side. */
const CONCURRENCY = 3;

/**
 * The file tree of an image, from what is known of its layers; only a layer that was never read is fetched.
 * @throws CambiumError as `readLayer`, `mergeListings` and `Repository.blob`.
 */
export async function baseTree(
  layers: readonly LayerRecord[],
  wanted: WantedFiles,
  where: string,
  bench: LayerBench,
): Promise<ImageTree> {
  return mergeListings(await layerListings(layers, wanted, where, bench), where);
}

/** Whether all is known of these layers without fetching one. */
export function areListed(
  layers: readonly LayerRecord[],
  wanted: WantedFiles,
  { store }: Pick<LayerBench, "store">,
): boolean {
  return layers.every(
    (layer) =>
      (store.listings.get(layer.diffId, wanted.id) ?? composedListing(store, layer, wanted)) !== undefined,
  );
}

/** What is known of each layer; only one that was neither read nor composed here is fetched. */
export async function layerListings(
  layers: readonly LayerRecord[],
  wanted: WantedFiles,
  where: string,
  bench: LayerBench,
): Promise<LayerListing[]> {
  const known = layers.map(
    (layer) => bench.store.listings.get(layer.diffId, wanted.id) ?? composed(layer, wanted, bench),
  );
  const missing = layers.filter((_, i) => known[i] === undefined);
  if (missing.length === 0) return known as LayerListing[];
  return step(bench, `base ${where}`, async () => {
    const gate = createGate(CONCURRENCY);
    const read = new Map<string, LayerListing>();
    await Promise.all(
      missing.map((layer) =>
        gate(async () => {
          await fetchLayer(layer, bench);
          const listing = await readLayer(lazyLayer(layer, bench), wanted, { signal: bench.signal });
          bench.store.listings.put(listing);
          read.set(layer.diffId, listing);
        }),
      ),
    );
    const listings = layers.map(({ diffId }, i) => known[i] ?? read.get(diffId)!);
    const detail = `${missing.length} of ${layers.length} layers read`;
    return { value: listings, outcome: "done", detail };
  });
}

/** Kept like one that was read: finding the wanted files in segments again takes 5 times as long as reading the listing. */
function composed(layer: LayerRecord, wanted: WantedFiles, { store }: LayerBench): LayerListing | undefined {
  const listing = composedListing(store, layer, wanted);
  if (listing !== undefined) store.listings.put(listing);
  return listing;
}
