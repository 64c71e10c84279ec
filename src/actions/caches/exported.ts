import { type CachePlace, homeOf } from "../../cache/place.ts";
import type { Store } from "../../store/store.ts";

/** Remembers that a registry has an entry, so that the next export need not put it again. Folders are looked at. */
export function noteExported(store: Store, place: CachePlace, tag: string): void {
  if (place.kind === "registry" && !isExported(store, place, tag)) {
    store.records.put("exported", `${homeOf(place)} ${tag}`, true);
  }
}

export function isExported(store: Store, place: CachePlace, tag: string): boolean {
  return store.records.get("exported", `${homeOf(place)} ${tag}`) === true;
}
