import type { Store } from "../store/store.ts";

/** `bytes`: what the store held when it was surveyed, and what was added since. */
export type StoreSize = {
  readonly bytes: number;
  /** So large it may become before it is worth a look: where all is needed, a prune is in vain. Absent: the cap. */
  readonly lookAboveBytes?: number;
};

const KIND = "store-size";
const KEY = "all";

export function noteSize({ records }: Store, size: StoreSize): void {
  records.put(KIND, KEY, size);
}

/** Adds what a command put in. Undefined: nobody has surveyed the store yet. */
export function grownBy({ records }: Store, addedBytes: number): StoreSize | undefined {
  return records.transaction(() => {
    const known = records.get(KIND, KEY) as StoreSize | undefined;
    if (known === undefined) return undefined;
    const size = { ...known, bytes: known.bytes + addedBytes };
    records.put(KIND, KEY, size);
    return size;
  });
}
