import type { Digest } from "../layer/digest.ts";
import type { Store } from "../store/store.ts";
import { isComposable } from "../store/stored-layer.ts";
import { hasOrigin } from "./lazy-layers.ts";

/** Whether the bytes of a layer are here, can be composed, or are known to be elsewhere. */
export function isHad(store: Store, digest: Digest): boolean {
  return store.blobs.has(digest) || hasOrigin(store, digest) || isComposable(store, digest);
}
