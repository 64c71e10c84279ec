import type { DigestCache } from "../context/content-digest.ts";
import type { Digest } from "../layer/digest.ts";
import type { Store } from "../store/store.ts";

/** All digests of one context are one record: 50,000 single ones would take longer to fetch than to compute. */
export function openDigestCache(store: Store, root: string): DigestCache & { save(): void } {
  const before = (store.records.get("context-digests", root) ?? {}) as Record<string, Digest>;
  const used: Record<string, Digest> = {};
  let isChanged = false;
  return {
    get(key) {
      const digest = before[key];
      if (digest !== undefined) used[key] = digest;
      return digest;
    },
    put(key, digest) {
      used[key] = digest;
      isChanged = true;
    },
    save() {
      if (isChanged) store.records.put("context-digests", root, used);
    },
  };
}
