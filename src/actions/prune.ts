import { createEngine, type Engine } from "../engine/embedded/engine.ts";
import { hexOf } from "../layer/digest.ts";
import { tidy, whilePruning, wouldRemove } from "../store/prune.ts";
import type { Store } from "../store/store.ts";
import { survey } from "../store/survey.ts";
import { taggedDigests } from "../store/tags.ts";
import { lastDigests } from "./last-builds.ts";
import { removedFrom } from "./removed-from.ts";
import type { PruneResult } from "./results.ts";
import { openedStore } from "./session.ts";
import type { PruneSettings, SessionSettings } from "./settings.ts";
import { byKind, sumOf } from "./store-kinds.ts";
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
