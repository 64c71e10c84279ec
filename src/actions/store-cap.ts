import { statfsSync } from "node:fs";
import { formatBytes } from "../byte-size.ts";
import { createEngine } from "../engine/embedded/engine.ts";
import { messageOf } from "../errors.ts";
import { hexOf } from "../layer/digest.ts";
import { whilePruning } from "../store/prune.ts";
import type { Store } from "../store/store.ts";
import { survey } from "../store/survey.ts";
import { taggedDigests } from "../store/tags.ts";
import { removedFrom } from "./removed-from.ts";
import type { SessionSettings } from "./settings.ts";
import { sumOf } from "./store-kinds.ts";
import { grownBy, noteSize } from "./store-size.ts";

/** What the store may take unless `CAMBIUM_STORE_MAX` says otherwise: 50 GB, and never more than half of its disk. */
const DEFAULT_MAX_BYTES = 50e9;
/** So far down, that not every build that adds something has to look. */
const ROOM = 0.9;

/**
 * Holds the cap after a build that put something into the store: the least recently needed goes, but for what tagged
 * images and running builds need. Sums up what builds added, and looks only when that may be too much. Never fails a
 * build, which has its image by now.
 */
export async function keepStoreBelow(
  store: Store,
  addedBytes: number,
  settings: Pick<SessionSettings, "maxStoreBytes" | "emit" | "env">,
): Promise<void> {
  try {
    const maxBytes = settings.maxStoreBytes ?? defaultMax(store.root);
    const known = grownBy(store, addedBytes);
    if (known !== undefined && known.bytes <= Math.max(maxBytes, known.lookAboveBytes ?? 0)) return;
    await held(store, maxBytes, settings);
  } catch (error) {
    const message = `cannot hold the store below its cap: ${messageOf(error)}`;
    settings.emit({ type: "warning", code: "STORE_UNKEPT", message, hint: "Try: cambium cache prune" });
  }
}

async function held(
  store: Store,
  maxBytes: number,
  settings: Pick<SessionSettings, "emit" | "env">,
): Promise<void> {
  const engine = createEngine({ store, searchPath: settings.env.PATH ?? "" });
  try {
    await whilePruning(store, async () => {
      const surveyedMs = Date.now();
      const all = survey(store, { trees: engine.trees(), now: surveyedMs });
      const bytes = sumOf(all);
      if (bytes <= maxBytes) return noteSize(store, { bytes });
      const limits = {
        // What was used at this very moment too.
        beforeMs: surveyedMs + 1,
        maxBytes: Math.floor(ROOM * maxBytes),
        roots: { named: taggedDigests(store).map(hexOf), whole: [] },
      };
      const removed = await removedFrom(store, { all, surveyedMs, limits }, engine, settings);
      const left = bytes - sumOf(removed);
      // Where all the rest is needed, every build would look in vain: not before a good deal was added.
      const isInVain = left > maxBytes;
      noteSize(store, { bytes: left, ...(isInVain && { lookAboveBytes: left + (1 - ROOM) * maxBytes }) });
      tell(removed.length, sumOf(removed), left, maxBytes, settings);
    });
  } finally {
    engine.close();
  }
}

function tell(
  count: number,
  freedBytes: number,
  leftBytes: number,
  maxBytes: number,
  { emit }: Pick<SessionSettings, "emit">,
): void {
  if (count > 0) {
    const message = `removed ${formatBytes(freedBytes)} that was not used for longest: the store took more than CAMBIUM_STORE_MAX allows (${formatBytes(maxBytes)})`;
    emit({ type: "notice", message });
  }
  if (leftBytes > maxBytes) {
    const message = `the store holds ${formatBytes(leftBytes)}, more than CAMBIUM_STORE_MAX allows (${formatBytes(maxBytes)}): tagged images and running builds need it`;
    const hint = "Old names go with: cambium cache prune --tagged --unused-for 4w";
    emit({ type: "warning", code: "STORE_OVER_CAP", message, hint });
  }
}

function defaultMax(root: string): number {
  const { blocks, bsize } = statfsSync(root);
  return Math.min(DEFAULT_MAX_BYTES, (blocks * bsize) / 2);
}
