import type { Engine } from "../../engine/embedded/engine.ts";
import type { FolderContent } from "../../engine/embedded/host-folders.ts";
import { usageError } from "../../errors.ts";
import {
  type CacheMount,
  type FileSource,
  type RunStep,
  type StepPlace,
  whereOf,
} from "../../graph/stages.ts";
import type { ImageTree } from "../../image/image-tree.ts";
import {
  type HeldMount,
  type MountCosts,
  type MountName,
  type MountOwner,
  Mounts,
  type MountUse,
  mountName,
} from "../../store/mounts.ts";
import type { Store } from "../../store/store.ts";
import type { LayerBench } from "../lazy-layers.ts";
import { withRestore, withStep } from "../mounts/mount-costs.ts";
import type { FetchedSnapshot, MountSnapshots } from "../mounts/mount-snapshots.ts";
import { restoreMount } from "../mounts/restore-mount.ts";
import type { Workbench } from "../workbench.ts";
import { defaultSharing, isProjectFolder } from "./mount-sharing.ts";

/** An id that begins so is one mount of all projects. */
export const SHARED_PREFIX = "shared:";
const WAIT_MS = 500;
const USUAL: MountOwner = { mode: 0o755, uid: 0, gid: 0 };

/** A directory in a stack of trees; see `FolderContent`. */
export type Seed = NonNullable<FolderContent["seed"]>;

/** The folders of a step's cache mounts, for as long as it runs. */
export type HeldMounts = {
  readonly folders: ReadonlyMap<CacheMount, string>;
  /** The step went well, and took this long: what the mounts are worth. */
  noteRun(ms: number): void;
  release(): void;
};

/** What mounts without content begin with: a snapshot from elsewhere, else their seed. */
export type MountContents = {
  readonly snapshots?: MountSnapshots;
  readonly fetched: ReadonlyMap<CacheMount, FetchedSnapshot>;
  readonly seeds: ReadonlyMap<CacheMount, Seed>;
};

type StepCache = {
  readonly mount: CacheMount;
  readonly use: MountUse;
  /** What the mount would begin with if it were made now; absent where it is there. */
  readonly from?: FileSource;
};

/** Which mounts a step has, whether it runs or not. */
export function mountUses(step: RunStep, project: string): MountUse[] {
  return step.mounts.flatMap((mount) => (mount.type === "cache" ? [mountUse(mount, step.env, project)] : []));
}

/** The cache mounts of a step, as the store knows them. */
export function cacheMountsOf(step: RunStep, project: string, store: Store): StepCache[] {
  const mounts = new Mounts(store);
  return step.mounts.flatMap((mount): StepCache[] => {
    if (mount.type !== "cache") return [];
    const use = mountUse(mount, step.env, project);
    const { from } = mount;
    return [{ mount, use, ...(from !== undefined && mounts.needsSeed(use) && { from }) }];
  });
}

/** @throws CambiumError `MOUNT_SOURCE` for what is no directory. */
export function seedOf(mount: CacheMount, tree: ImageTree, trees: readonly string[], where: string): Seed {
  const source = mount.source ?? "";
  if (source === "" || source === "/") return { trees, path: "" };
  const found = tree.lookup(source);
  if (found?.type === "directory") return { trees, path: found.path };
  throw usageError(
    "MOUNT_SOURCE",
    `${where}: there is no directory ${JSON.stringify(source)} to fill the cache mount at ${mount.target} with`,
    "Check the mount's source= and from=.",
  );
}

/**
 * Waits until the step may have its cache mounts, and makes those that are new. One id is one mount, also when the step
 * has it at several places.
 * @param contents of mounts that had none when it was asked. One that had and is gone since begins empty, as any cache
 *   may; its next use finds it empty and fills it. A snapshot that cannot be used is a warning.
 * @throws CambiumError `MOUNT_SEED`, `DISK_FULL`, `ENGINE_…`, as `storeError`; the signal's reason.
 */
export async function holdCacheMounts(
  step: RunStep & StepPlace,
  contents: MountContents,
  project: string,
  engine: Engine,
  bench: Pick<Workbench, "store" | "registries" | "emit" | "signal">,
): Promise<HeldMounts> {
  const { store, emit, signal } = bench;
  const { seeds, fetched, snapshots } = contents;
  const mounts = new Mounts(store);
  const caches = new Map<string, StepCache[]>();
  for (const cache of cacheMountsOf(step, project, store)) {
    const name = mountName(cache.use);
    caches.set(name, [...(caches.get(name) ?? []), cache]);
    warnOfSharing(cache, step, emit);
  }
  const held: HeldMount[] = [];
  const folders = new Map<CacheMount, string>();
  const cold = new Set<MountName>();
  const release = () => {
    for (const one of held) one.release();
  };
  const noteRun = (ms: number) => {
    for (const { name } of held) {
      mounts.noteCosts(name, (costs) => withStep(costs, step.text, cold.has(name), ms));
    }
  };
  try {
    // In one order in all builds, so that no two wait for each other.
    for (const [, same] of [...caches].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const { use, mount } = strictest(same);
      const seeded = same.find((cache) => seeds.has(cache.mount));
      const found = same.map((cache) => fetched.get(cache.mount)).find((one) => one !== undefined);
      let costs: MountCosts | undefined;
      const make = async (folder: string, name: MountName) => {
        try {
          if (found !== undefined) {
            costs = await restored(found, name, folder, engine, bench);
            return;
          }
        } catch (error) {
          snapshots?.reject(use, error);
        }
        await engine.makeFolder(folder, contentOf(seeded?.mount ?? mount, seeds), signal);
      };
      const told = tellLater(
        emit,
        `${whereOf(step)}: waits for the cache mount ${use.id}, which another step uses`,
      );
      try {
        const waiting = { signal, onWait: told.start };
        const hasSeed = seeded !== undefined || found !== undefined;
        const one = await mounts.acquire({ ...use, hasSeed }, make, waiting);
        held.push(one);
        if (mounts.isCold(one.name)) cold.add(one.name);
        if (costs !== undefined) mounts.noteCosts(one.name, () => costs!);
      } finally {
        told.stop();
      }
      for (const cache of same) folders.set(cache.mount, held.at(-1)!.folder);
    }
  } catch (error) {
    release();
    throw error;
  }
  return { folders, noteRun, release };
}

/** @returns what the mount costs and saves, as far as its snapshot says, with what it cost now. */
async function restored(
  { snapshot, ms: fetchMs }: FetchedSnapshot,
  name: MountName,
  folder: string,
  engine: Engine,
  bench: LayerBench,
): Promise<MountCosts> {
  const { bytes, ms } = await restoreMount(name, folder, snapshot, engine, bench);
  bench.emit({ type: "notice", message: `restored the cache mount ${snapshot.id}` });
  return withRestore(snapshot.costs, { bytes, ms: fetchMs + ms });
}

/** Says it only when it lasts: steps of one build that begin at once wait for a few milliseconds. */
function tellLater(emit: Workbench["emit"], message: string) {
  let timer: NodeJS.Timeout | undefined;
  return {
    start: () => {
      timer = setTimeout(() => emit({ type: "notice", message }), WAIT_MS);
    },
    stop: () => clearTimeout(timer),
  };
}

/** Who only reads need not be alone, but nobody may write meanwhile. */
function mountUse(mount: CacheMount, env: RunStep["env"], project: string): MountUse {
  const { id, target, isReadOnly, from, mode, uid, gid } = mount;
  const sharing = mount.sharing ?? defaultSharing(target, env);
  const owner = { mode: mode ?? USUAL.mode, uid: uid ?? USUAL.uid, gid: gid ?? USUAL.gid };
  return {
    ...{ id, owner, target, hasSeed: from !== undefined },
    sharing: isReadOnly && sharing === "locked" ? "shared" : sharing,
    ...(!id.startsWith(SHARED_PREFIX) && { project }),
  };
}

function contentOf(mount: CacheMount, seeds: ReadonlyMap<CacheMount, Seed>): FolderContent {
  const { mode, uid, gid } = mount;
  const seed = seeds.get(mount);
  const isStated = mode !== undefined || uid !== undefined || gid !== undefined;
  const owner = { mode: mode ?? USUAL.mode, uid: uid ?? USUAL.uid, gid: gid ?? USUAL.gid };
  return { ...(seed !== undefined && { seed }), ...((isStated || seed === undefined) && { owner }) };
}

function strictest(caches: readonly StepCache[]): StepCache {
  const order = ["locked", "private", "shared"] as const;
  return [...caches].sort((a, b) => order.indexOf(a.use.sharing) - order.indexOf(b.use.sharing))[0]!;
}

function warnOfSharing({ mount, use }: StepCache, step: StepPlace, emit: Workbench["emit"]): void {
  if (use.project !== undefined || !isProjectFolder(mount.target)) return;
  emit({
    type: "warning",
    code: "MOUNT_SHARED",
    message: `${whereOf(step)}: all projects share the cache mount ${mount.id} at ${mount.target}`,
    hint: `What is there belongs to one project: write an id without ${SHARED_PREFIX}`,
  });
}
