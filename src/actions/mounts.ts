import { createEngine, type Engine } from "../engine/embedded/engine.ts";
import { messageOf } from "../errors.ts";
import type { Workbench } from "../solve/workbench.ts";
import { type MountChoice, nextToRemove } from "../store/mount-choice.ts";
import type { MountState } from "../store/mount-state.ts";
import { Mounts, type StoredMount } from "../store/mounts.ts";
import type { MountList, MountPruneResult, MountResult } from "./results.ts";
import { openedStore } from "./session.ts";
import type { MountListSettings, MountPruneSettings } from "./settings.ts";
import { sumOf } from "./store-kinds.ts";

/** What all cache mounts may take together unless `CAMBIUM_MOUNTS_MAX` says otherwise: 20 GB. */
const DEFAULT_MAX_BYTES = 20e9;

/** All cache mounts, the one used last first. */
export async function listMounts(settings: MountListSettings): Promise<MountList> {
  return withMounts(settings, async (mounts, engine) => {
    const all = (await measured(mounts, engine)).sort((a, b) => b.usedMs - a.usedMs);
    return { mounts: all, totalBytes: sumOf(all) };
  });
}

/** Removes cache mounts that nobody uses. */
export async function pruneMounts(settings: MountPruneSettings): Promise<MountPruneResult> {
  const { olderThanMs, maxBytes, ids } = settings;
  const choice: MountChoice = {
    ...(olderThanMs !== undefined && { beforeMs: Date.now() - olderThanMs }),
    ...(maxBytes !== undefined && { maxBytes }),
    ...(ids !== undefined && { ids }),
  };
  return withMounts(settings, (mounts, engine) => pruned(mounts, engine, choice));
}

/**
 * Measures what a build has used and holds the cap: while all mounts together take more, the least recently used go.
 * What is in use stays. Never fails a build, which has its image by now.
 */
export async function keepMountsBelow(
  maxBytes: number | undefined,
  engine: Engine,
  { store, emit, signal }: Pick<Workbench, "store" | "emit" | "signal">,
): Promise<void> {
  const mounts = new Mounts(store);
  if (signal.aborted || !mounts.list().some(({ isStale }) => isStale)) return;
  try {
    const { removed } = await pruned(mounts, engine, { maxBytes: maxBytes ?? DEFAULT_MAX_BYTES });
    for (const { id, name } of removed) {
      const message = `removed the cache mount ${id ?? name}: all together took more than CAMBIUM_MOUNTS_MAX allows`;
      emit({ type: "notice", message });
    }
  } catch (error) {
    const message = `cannot look after the cache mounts: ${messageOf(error)}`;
    emit({ type: "warning", code: "MOUNTS_UNKEPT", message, hint: "Try: cambium mount prune" });
  }
}

async function withMounts<T>(
  settings: MountListSettings,
  work: (mounts: Mounts, engine: Engine) => Promise<T>,
): Promise<T> {
  const store = openedStore(settings);
  const engine = createEngine({ store, searchPath: settings.env.PATH ?? "" });
  try {
    return await work(new Mounts(store), engine);
  } finally {
    engine.close();
    store.close();
  }
}

async function pruned(mounts: Mounts, engine: Engine, choice: MountChoice): Promise<MountPruneResult> {
  let left = await measured(mounts, engine);
  const removed: MountResult[] = [];
  for (;;) {
    const next = nextToRemove(left, choice);
    if (next === undefined) break;
    if (await mounts.remove(next.name, (folder) => engine.discardFolder(folder))) {
      removed.push(next);
      left = left.filter(({ name }) => name !== next.name);
    } else {
      // Somebody began to use it: others go in its place.
      left = left.map((mount) => (mount.name === next.name ? { ...mount, isInUse: true } : mount));
    }
  }
  return { removed, freedBytes: sumOf(removed), keptBytes: sumOf(left) };
}

/** Only what was used since its last measurement is looked at; what is in use counts as it was then. */
async function measured(mounts: Mounts, engine: Engine): Promise<MountResult[]> {
  const all = mounts.list().map((mount) => ({ ...mount, isInUse: mounts.isInUse(mount.name) }));
  const stale = all.filter(
    ({ isStale, isInUse, sizeBytes }) => isStale && (!isInUse || sizeBytes === undefined),
  );
  const sizes = await engine.sizesOnDisk(stale.map(({ folder }) => folder));
  return all.map((mount) => {
    const sizeBytes = sizes.get(mount.folder) ?? mount.sizeBytes ?? 0;
    if (sizes.has(mount.folder) && !mount.isInUse) mounts.noteSize(mount.name, sizeBytes);
    return mountResult(mount, sizeBytes, mounts.chain(mount.name));
  });
}

function mountResult(
  mount: StoredMount & { readonly isInUse: boolean },
  sizeBytes: number,
  snapshot: Pick<MountState, "chain" | "createdMs"> | undefined,
): MountResult {
  const { name, folder, id, project, owner, target, createdMs, usedMs, isInUse } = mount;
  const chain = snapshot?.chain ?? [];
  return {
    ...{ name, folder, createdMs, usedMs, sizeBytes, isInUse },
    ...(id !== undefined && { id }),
    ...(project !== undefined && { project }),
    ...(owner !== undefined && { owner }),
    ...(target !== undefined && { target }),
    ...(snapshot !== undefined && {
      snapshot: {
        createdMs: snapshot.createdMs,
        layers: chain.length,
        sizeBytes: chain.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
      },
    }),
  };
}
