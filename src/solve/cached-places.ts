import { existsSync } from "node:fs";
import type { CachePlace } from "../cache/place.ts";
import { homeOf } from "../cache/place.ts";
import type { Digest } from "../layer/digest.ts";
import type { Store } from "../store/store.ts";

/** One that knows of a few places need not know of all. */
const MAX_PLACES = 4;

/** Remembers that a place that caches travel through has a blob; the one noted last is asked first. */
export function noteCached(store: Store, digest: Digest, place: CachePlace): void {
  const before = known(store, digest);
  if (before[0] !== undefined && homeOf(before[0]) === homeOf(place)) return;
  const others = before.filter((other) => homeOf(other) !== homeOf(place));
  store.records.put("cached", digest, [place, ...others].slice(0, MAX_PLACES));
}

/** Takes it back. */
export function forgetCached(store: Store, digest: Digest, place: CachePlace): void {
  const others = known(store, digest).filter((other) => homeOf(other) !== homeOf(place));
  if (others.length > 0) store.records.put("cached", digest, others);
  else store.records.delete("cached", digest);
}

/** Folders only as long as they are there. */
export function cachedPlaces(store: Store, digest: Digest): CachePlace[] {
  return known(store, digest).filter((place) => place.kind === "registry" || existsSync(place.path));
}

function known(store: Store, digest: Digest): CachePlace[] {
  return (store.records.get("cached", digest) ?? []) as CachePlace[];
}
