import type { MountSnapshot } from "../../cache/mount-snapshot.ts";
import type { Engine } from "../../engine/embedded/engine.ts";
import { CambiumError } from "../../errors.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import { type FoundPath, paxTime } from "../../store/found-paths.ts";
import type { ChainLayer, MountState } from "../../store/mount-state.ts";
import { type HeldMount, type MountName, Mounts, type StoredMount } from "../../store/mounts.ts";
import { pause } from "../../store/pause.ts";
import type { Workbench } from "../workbench.ts";
import { type MountChanges, mountChanges } from "./mount-changes.ts";
import { packLayer } from "./pack-layer.ts";
import { touchedFiles, unchangedContents } from "./touched-files.ts";

type Bench = Pick<Workbench, "store" | "lease" | "signal">;

/** Each layer is a request and a pass of its own when the mount is restored. */
const MAX_CHAIN = 16;
/** Below this a chain is not packed anew for its dead bytes. */
const SLACK_BYTES = 1 << 20;
/** The clock of file systems ticks every 1 to 10 ms: two writes within one tick cannot be told apart. */
const TICK_MS = 20;

export type SnapshotOptions = {
  /** Whether the bytes of an older layer can still be had by whoever gets the snapshot. */
  readonly isReachable: (layer: LayerRecord) => boolean;
};

export type SnapshotResult = {
  readonly snapshot: MountSnapshot;
  /** What was packed now, if anything: `whole` or only what changed. */
  readonly packed?: { readonly kind: "whole" | "changes"; readonly layer: ChainLayer };
  /** Sockets, devices and names that no layer can hold. */
  readonly leftOut: number;
};

/**
 * Packs what a mount has become since its last snapshot or restore as one more layer, or all of it where that is less. It
 * is held meanwhile, so that nobody writes there; one that is in use is not waited for.
 * @throws CambiumError `MOUNT_UNKNOWN`, `MOUNT_IN_USE`, `MOUNT_CHANGED`, `MOUNT_UNREADABLE`, `DISK_FULL`, `STORE_…`.
 */
export async function snapshotMount(
  name: MountName,
  engine: Engine,
  bench: Bench,
  options: SnapshotOptions,
): Promise<SnapshotResult> {
  const mounts = new Mounts(bench.store);
  const mount = mounts.find(name);
  if (mount?.id === undefined || mount.owner === undefined) throw unknown(name);
  const held = mounts.hold(name);
  if (held === undefined) throw mountInUse(mount.id);
  try {
    return await snapshotHeld(mount, held, mounts, engine, bench, options);
  } finally {
    held.release();
  }
}

async function snapshotHeld(
  mount: StoredMount,
  { folder, name }: HeldMount,
  mounts: Mounts,
  engine: Engine,
  bench: Bench,
  { isReachable }: SnapshotOptions,
): Promise<SnapshotResult> {
  const where = `cache mount ${mount.id}`;
  const now = await engine.listFolder(folder, bench.signal);
  await afterTick(now, bench.signal);
  const state = mounts.state(name);
  // Whether they are here is asked after that.
  bench.lease.protect(state?.chain.map(({ descriptor }) => descriptor.digest) ?? []);
  const isUsable = state?.chain.every((layer) => isReachable(layer)) === true;
  const before: MountState | undefined = isUsable ? state : undefined;
  const touched = touchedFiles(before?.paths ?? [], now);
  const same = before && (await unchangedContents(touched, folder, before, where, engine, bench));
  const delta = mountChanges(before?.paths ?? [], now, same);
  // Nothing is left but the root: no layer is less than one that deletes.
  const isBare = now.length === 1;
  const isWhole = before === undefined || isBare || needsRepacking(before.chain, delta);
  const changes = isWhole && before !== undefined ? mountChanges([], now) : delta;
  const kept = isWhole ? [] : before.chain;
  const isEmpty = changes.stated.length === 0 && changes.gone.length === 0;
  const paths = isWhole || before === undefined ? now : withTimes(now, before.paths, same);
  if (isEmpty && before !== undefined && kept.length === before.chain.length) {
    // The root is in no layer, so its own changes need none.
    if (same !== undefined && same.size > 0) mounts.noteState(name, { ...before, paths });
    return { snapshot: snapshotOf(mount, name, before, now, delta), leftOut: delta.leftOut };
  }
  const layer = isEmpty ? undefined : await packLayer(folder, changes, where, engine, bench);
  const next: MountState = {
    chain: layer === undefined ? kept : [...kept, layer],
    createdMs: Date.now(),
    paths,
  };
  mounts.noteState(name, next);
  const kind = isWhole ? "whole" : "changes";
  return {
    snapshot: snapshotOf(mount, name, next, now, delta),
    ...(layer !== undefined && { packed: { kind, layer } }),
    leftOut: delta.leftOut,
  };
}

/** With the time that the layers have of files that were touched since: how far they are apart must be known. */
function withTimes(
  now: readonly FoundPath[],
  before: readonly FoundPath[],
  same: ReadonlySet<string> = new Set(),
): readonly FoundPath[] {
  // What was touched before this, and not since, is still apart too.
  const known = new Map(before.map((one) => [one.path, one]));
  return now.map((one) => {
    const old = known.get(one.path);
    const isApart =
      old !== undefined && (same.has(one.path) || (old.ctime === one.ctime && old.inode === one.inode));
    return isApart && old.mtime !== one.mtime ? { ...one, mtime: old.mtime } : one;
  });
}

/** Whether one layer of all is better than one more: the chain is long, or most of it is dead. Pure. */
export function needsRepacking(
  chain: readonly Pick<ChainLayer, "tarBytes">[],
  { liveBytes, statedBytes, stated, gone }: MountChanges,
): boolean {
  if (chain.length === 0) return true;
  if (stated.length === 0 && gone.length === 0) return false;
  const total = chain.reduce((sum, { tarBytes }) => sum + tarBytes, 0) + statedBytes;
  return chain.length >= MAX_CHAIN || total > 2 * liveBytes + SLACK_BYTES;
}

function snapshotOf(
  { id = "", project, owner, target, sharing, costs }: StoredMount,
  name: MountName,
  { chain, createdMs }: MountState,
  paths: readonly FoundPath[],
  { liveBytes }: MountChanges,
): MountSnapshot {
  const root = paths.find(({ path }) => path === "")!;
  return {
    ...{ name, id, owner: owner!, target: target ?? id, sharing: sharing ?? "locked" },
    ...(project !== undefined && { project }),
    root: { mode: root.mode, uid: root.uid, gid: root.gid, mtime: paxTime(root.mtime) },
    ...{ layers: chain, liveBytes, createdMs },
    costs: costs ?? { steps: {} },
  };
}

/** So that whatever is written once the mount is let go has another time than all that is in it now. */
async function afterTick(paths: readonly FoundPath[], signal: AbortSignal): Promise<void> {
  const last = paths.reduce((latest, { ctime }) => Math.max(latest, Number(ctime)), 0) * 1000;
  const waitMs = last + TICK_MS - Date.now();
  if (waitMs > 0) await pause(Math.min(waitMs, TICK_MS), signal);
}

function unknown(name: MountName): CambiumError {
  return new CambiumError("MOUNT_UNKNOWN", `no cache mount ${name} that its records tell of`, {
    hint: "`cambium mount ls` lists those that are here.",
    exitCode: 2,
  });
}

export function mountInUse(id: string): CambiumError {
  return new CambiumError("MOUNT_IN_USE", `the cache mount ${id} is in use`, {
    hint: "Wait until the builds that use it have ended.",
  });
}
