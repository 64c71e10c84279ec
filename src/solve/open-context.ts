import type { DigestCache } from "../context/content-digest.ts";
import type { ContentSource } from "../context/content-source.ts";
import { contextSource } from "../context/context-source.ts";
import { type ContextTree, type WalkOptions, walkContext } from "../context/walk.ts";
import type { Digest } from "../layer/digest.ts";
import type { Store } from "../store/store.ts";
import type { Workbench } from "./workbench.ts";

export type OpenContext = {
  readonly tree: ContextTree;
  readonly source: ContentSource;
  /** When the walk began, in milliseconds since the epoch. */
  readonly openedMs: number;
  /** Keeps the digests that were computed, for the next build: call it when all copies are made. */
  readonly save: () => void;
};

/**
 * A folder that copies take files from, walked once. For a Dockerfile's context `keepsGit` is to be set: Docker copies
 * `.git` unless it is ignored. @throws CambiumError as `walkContext`.
 */
export async function openContext(
  root: string,
  options: WalkOptions,
  bench: Pick<Workbench, "store" | "emit" | "signal">,
): Promise<OpenContext> {
  const openedMs = Date.now();
  const tree = await walkContext(root, { ...options, signal: bench.signal });
  for (const message of tree.warnings) bench.emit({ type: "warning", code: "CONTEXT_SKIPPED", message });
  const cache = openDigestCache(bench.store, root);
  let source: ContentSource | undefined;
  return {
    tree,
    openedMs,
    // A build that changes nothing asks for no file: of 50,000 the source and its digests would cost it a quarter.
    get source() {
      source ??= contextSource(tree, cache);
      return source;
    },
    save: cache.save,
  };
}

/** All digests of one context are one record: 50,000 single ones would take longer to fetch than to compute. */
function openDigestCache(store: Store, root: string): DigestCache & { save(): void } {
  let before: Readonly<Record<string, Digest>> | undefined;
  const used: Record<string, Digest> = {};
  let isChanged = false;
  return {
    get(key) {
      before ??= (store.records.get("context-digests", root) ?? {}) as Record<string, Digest>;
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
