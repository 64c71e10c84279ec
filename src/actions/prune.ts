import { createEngine, type Engine } from "../engine/embedded/engine.ts";
import { CambiumError } from "../errors.ts";
import { hexOf } from "../layer/digest.ts";
import { prune as pruneStore, tidy, whilePruning, wouldRemove } from "../store/prune.ts";
import type { Limits } from "../store/retention.ts";
import type { Store } from "../store/store.ts";
import { type Stored, survey } from "../store/survey.ts";
import { taggedDigests } from "../store/tags.ts";
import { lastDigests } from "./last-builds.ts";
import type { PruneResult } from "./results.ts";
import { openedStore } from "./session.ts";
import type { PruneSettings, SessionSettings } from "./settings.ts";
import { byKind } from "./store-kinds.ts";
import { noteSize } from "./store-size.ts";

/** What was used within this time stays unless something else is said. */
const DEFAULT_AGE_MS = 86_400_000;

/** Frees what no tagged image and no running build needs, within the limits. */
export async function prune(settings: PruneSettings): Promise<PruneResult> {
  const { keepUsedWithinMs = DEFAULT_AGE_MS, maxBytes, keepLast = 0, isDryRun, takesTagged } = settings;
  return withStore(settings, async (store, engine) => {
    const surveyedMs = Date.now();
    const limits = {
      beforeMs: surveyedMs - keepUsedWithinMs,
      ...(maxBytes !== undefined && { maxBytes }),
      roots: {
        named: takesTagged ? [] : taggedDigests(store).map(hexOf),
        whole: lastDigests(store, keepLast).map(hexOf),
      },
    };
    const trees = engine.trees();
    const all = survey(store, { trees, now: surveyedMs, withTags: takesTagged });
    const removed = isDryRun
      ? wouldRemove(store, all, limits)
      : await removedFrom(store, { all, surveyedMs, limits }, engine, settings);
    const freedBytes = sumOf(removed);
    const keptBytes = sumOf(all) - freedBytes;
    if (!isDryRun) {
      tidy(store, surveyedMs, limits.beforeMs);
      noteSize(store, { bytes: keptBytes });
      store.records.shrink();
    }
    return { removed: byKind(removed), freedBytes, keptBytes, isDryRun };
  });
}

/** Removes what the limits allow; unpacked layers as far as the engine works here. */
export async function removedFrom(
  store: Store,
  found: { readonly all: readonly Stored[]; readonly surveyedMs: number; readonly limits: Limits },
  engine: Engine,
  { emit }: Pick<SessionSettings, "emit">,
): Promise<Stored[]> {
  return pruneStore(store, found, async (usedMs) => {
    try {
      return await engine.removeTrees(usedMs);
    } catch (error) {
      if (!(error instanceof CambiumError)) throw error;
      const { code, message, hint } = error;
      emit({ type: "warning", code, message, ...(hint !== undefined && { hint }) });
      return new Set();
    }
  });
}

async function withStore<T>(
  settings: SessionSettings,
  work: (store: Store, engine: Engine) => Promise<T>,
): Promise<T> {
  const store = openedStore(settings);
  const engine = createEngine({ store, searchPath: settings.env.PATH ?? "" });
  try {
    return await whilePruning(store, () => work(store, engine));
  } finally {
    engine.close();
    store.close();
  }
}

export function sumOf(items: readonly { readonly sizeBytes: number }[]): number {
  return items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
