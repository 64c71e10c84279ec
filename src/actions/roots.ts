import { blobsOf } from "../image/image.ts";
import type { Digest } from "../layer/digest.ts";
import type { Store } from "../store/store.ts";
import { loadImageSet } from "../store/stored-image.ts";
import { compositionBlobs } from "../store/stored-layer.ts";
import { taggedDigests } from "../store/tags.ts";

/** Blobs that a tagged image of the store needs: its documents, and what its layers are composed of. */
export function taggedBlobs(store: Store): Set<Digest> {
  const kept = new Set<Digest>();
  for (const digest of taggedDigests(store)) {
    const set = loadImageSet(store, digest);
    if (set === undefined) continue;
    for (const { descriptor } of blobsOf(set)) kept.add(descriptor.digest);
    for (const image of set.images) {
      for (const layer of image.layers) {
        for (const blob of compositionBlobs(store, layer.descriptor.digest)) kept.add(blob);
      }
    }
  }
  return kept;
}
