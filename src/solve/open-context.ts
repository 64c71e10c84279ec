import { canonicalJson } from "../canonical-json.ts";
import { type DigestCache, digestKey } from "../context/content-digest.ts";
import type { ContentSource } from "../context/content-source.ts";
import { contextSource } from "../context/context-source.ts";
import { contextStamp } from "../context/context-stamp.ts";
import type { OpenContext } from "../context/opened-context.ts";
import { type ContextTree, type WalkOptions, walkContext } from "../context/walk.ts";
import type { Digest } from "../layer/digest.ts";
import type { Store } from "../store/store.ts";
import type { Workbench } from "./workbench.ts";

type ContextBench = Pick<Workbench, "store" | "emit" | "signal" | "openContexts">;

/**
 * A folder that copies take files from, walked once in a build. For a Dockerfile's context `keepsGit` is to be set: Docker copies
 * `.git` unless it is ignored. @throws CambiumError as `walkContext`.
 */
export function openContext(
  root: string,
  options: Omit<WalkOptions, "signal">,
  bench: ContextBench,
): Promise<OpenContext> {
  const name = canonicalJson({ root, ...options });
  const open = bench.openContexts.get(name) ?? walkOnce(root, options, bench);
  bench.openContexts.set(name, open);
  return open;
}

async function walkOnce(root: string, options: WalkOptions, bench: ContextBench): Promise<OpenContext> {
  const openedMs = Date.now();
  const tree = await walkContext(root, { ...options, signal: bench.signal });
  for (const message of tree.warnings) bench.emit({ type: "warning", code: "CONTEXT_SKIPPED", message });
  const cache = openDigestCache(bench.store, tree);
  const stamps = new Map<string, string | undefined>();
  let source: ContentSource | undefined;
  return {
    tree,
    stamp(paths) {
      const name = paths.join("\0");
      // The image's key asks for them, then each step.
      if (!stamps.has(name)) stamps.set(name, contextStamp(tree.files, paths, openedMs));
      return stamps.get(name);
    },
    // A build that changes nothing asks for no file: of 50,000 the source and its digests would cost it a quarter.
    get source() {
      source ??= contextSource(tree, cache);
      return source;
    },
    save: cache.save,
  };
}

/** All digests of one context are one record: 50,000 single ones would take longer to fetch than to compute. */
function openDigestCache(store: Store, { root, files }: ContextTree): DigestCache & { save(): void } {
  const read = () => (store.records.get("context-digests", root) ?? {}) as Record<string, Digest>;
  let before: Record<string, Digest> | undefined;
  const computed: Record<string, Digest> = {};
  let isSaved = true;
  return {
    get(key) {
      before ??= read();
      return computed[key] ?? before[key];
    },
    put(key, digest) {
      computed[key] = digest;
      isSaved = false;
    },
    save() {
      if (isSaved) return;
      // Of files that this build did not ask for too: an edit beside them must not make them be read again.
      const all = { ...read(), ...computed };
      const kept: Record<string, Digest> = {};
      for (const file of files) {
        const digest = all[digestKey(file)];
        if (digest !== undefined) kept[digestKey(file)] = digest;
      }
      store.records.put("context-digests", root, kept);
      isSaved = true;
    },
  };
}
