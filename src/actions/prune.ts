import { prune as pruneStore } from "../store/prune.ts";
import type { PruneResult } from "./results.ts";
import { taggedBlobs } from "./roots.ts";
import { openedStore } from "./session.ts";
import type { PruneSettings } from "./settings.ts";

/** Frees what no tagged image and no running build needs. */
export async function prune(settings: PruneSettings): Promise<PruneResult> {
  const store = openedStore(settings);
  try {
    const kept = taggedBlobs(store);
    const { keepUsedWithinMs, maxBytes } = settings;
    const { removedBlobs, removedBytes, keptBytes } = pruneStore(store, {
      isKept: (digest) => kept.has(digest),
      ...(keepUsedWithinMs !== undefined && { keepUsedWithinMs }),
      ...(maxBytes !== undefined && { maxBytes }),
    });
    return { removedBlobs, freedBytes: removedBytes, keptBytes };
  } finally {
    store.close();
  }
}
