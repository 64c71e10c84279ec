import type { Digest } from "../layer/digest.ts";
import type { Store } from "./store.ts";

/** Lets `name` (a full reference) point to an image or index of this store. */
export function tagImage(store: Store, name: string, digest: Digest): void {
  store.records.put("tag", name, digest);
}

export function taggedDigest(store: Store, name: string): Digest | undefined {
  return store.records.get("tag", name) as Digest | undefined;
}

/** What any tag points to. */
export function taggedDigests(store: Store): Digest[] {
  return store.records.list("tag").map(({ value }) => value as Digest);
}
