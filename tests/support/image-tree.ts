import type { ConfigDocument } from "../../src/image/documents.ts";
import { loadImage } from "../../src/image/load.ts";
import { mergeListings } from "../../src/image/merge-listings.ts";
import { readLayer } from "../../src/image/read-layer.ts";
import { parseReference } from "../../src/image/reference.ts";
import type { LayerListing } from "../../src/layer/listing.ts";
import type { RegistryAccess } from "../../src/registry/access.ts";
import { openRemoteImage } from "../../src/registry/remote-image.ts";
import { AMD64 } from "./images.ts";

const NOTHING = { id: "test", keep: () => undefined };

/** Listings of layers that were read, since the base's are the same in every image. */
export type SeenLayers = Map<string, LayerListing>;

export type FoundImage = {
  readonly tree: ReadonlyMap<string, string>;
  readonly config: ConfigDocument;
  /** Of each layer, whether it says nothing. */
  readonly isEmpty: readonly boolean[];
};

/** Each path of an image of a registry with all but its times, and its config. */
export async function treeOfImage(
  reference: string,
  access: RegistryAccess,
  seen: SeenLayers,
): Promise<FoundImage> {
  const source = await openRemoteImage(parseReference(reference, "test"), access);
  const image = await loadImage(source, AMD64);
  const listings: LayerListing[] = [];
  for (const { descriptor, diffId } of image.layers) {
    let listing = seen.get(diffId);
    if (listing === undefined) {
      const compressed = () => source.read(descriptor);
      listing = await readLayer({ descriptor, diffId, compressed }, NOTHING);
      seen.set(diffId, listing);
    }
    listings.push(listing);
  }
  const tree = new Map<string, string>();
  for (const { path, ...entry } of mergeListings(listings, reference).entries()) {
    tree.set(path, JSON.stringify(entry, Object.keys(entry).sort()));
  }
  const isEmpty = listings.map(({ entries, whiteouts, opaques }) => {
    return entries.length + whiteouts.length + opaques.length === 0;
  });
  return { tree, config: image.config, isEmpty };
}
