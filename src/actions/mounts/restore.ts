import { createEngine, type Engine } from "../../engine/embedded/engine.ts";
import { withRestore } from "../../solve/mounts/mount-costs.ts";
import { restoreMount } from "../../solve/mounts/restore-mount.ts";
import { mountInUse } from "../../solve/mounts/snapshot-mount.ts";
import { defaultSharing } from "../../solve/steps/mount-sharing.ts";
import type { Workbench } from "../../solve/workbench.ts";
import {
  type HeldMount,
  type MountCosts,
  type MountOwner,
  Mounts,
  type MountUse,
  mountName,
} from "../../store/mounts.ts";
import type { MountRestoreResult } from "../results.ts";
import { withSession } from "../session.ts";
import type { MountRestoreSettings } from "../settings.ts";
import { mountsNamed, projectOf, theMount } from "./choose-mount.ts";
import { openRestoreSource, type RestoreSource } from "./restore-source.ts";

const USUAL: MountOwner = { mode: 0o755, uid: 0, gid: 0 };

/**
 * Fills a cache mount from elsewhere, in place of what it has: whole or not at all.
 * @throws CambiumError `MOUNT_IN_USE`, `MOUNT_AMBIGUOUS`, and as `openRestoreSource` and `restoreMount`.
 */
export async function restoreMountFrom(settings: MountRestoreSettings): Promise<MountRestoreResult> {
  return withSession(settings, async ({ bench }) => {
    const engine = createEngine({ store: bench.store, searchPath: bench.env.PATH ?? "" });
    const source = await openRestoreSource(settings, engine, bench);
    try {
      return await filled(source, settings, engine, bench);
    } finally {
      await source.close();
      engine.close();
    }
  });
}

async function filled(
  source: RestoreSource,
  settings: MountRestoreSettings,
  engine: Engine,
  bench: Workbench,
): Promise<MountRestoreResult> {
  const mounts = new Mounts(bench.store);
  const use = useOf(mounts, settings, source);
  const name = mountName(use);
  const { id, project } = use;
  const result = { name, id, ...(project !== undefined && { project }), source: source.where };
  const mayKeep = () => settings.onlyIfEmpty && !mounts.isCold(name);
  let isKept = mayKeep();
  let costs: MountCosts | undefined;
  if (isKept) return { ...result, state: "kept", sizeBytes: mounts.find(name)?.sizeBytes ?? 0 };
  await source.prepare();
  const held = await mounts.replace(use, async (folder) => {
    // Somebody may have filled it meanwhile.
    isKept = mayKeep();
    if (!isKept) costs = await fill(folder, use, source, engine, bench);
  });
  if (held === undefined) throw mountInUse(id);
  try {
    if (costs !== undefined) mounts.noteCosts(name, () => costs!);
    const sizeBytes = await measured(held, mounts, engine);
    return { ...result, state: isKept ? "kept" : "restored", sizeBytes };
  } finally {
    held.release();
  }
}

/** @returns what the mount costs and saves, as far as that is known of what it has now. */
async function fill(
  folder: string,
  use: MountUse,
  source: RestoreSource,
  engine: Engine,
  bench: Workbench,
): Promise<MountCosts> {
  const { snapshot } = source;
  if (snapshot === undefined) {
    const content = { owner: use.owner, members: source.members() };
    await engine.makeFolder(folder, content, bench.signal);
    return { steps: {} };
  }
  // An account that the mount is for could not use the root of another's.
  const isOwners = JSON.stringify(snapshot.owner) === JSON.stringify(use.owner);
  const root = isOwners ? snapshot.root : { ...use.owner, mtime: snapshot.root.mtime };
  const restore = await restoreMount(mountName(use), folder, { ...snapshot, root }, engine, bench);
  return withRestore(snapshot.costs, restore);
}

async function measured({ name, folder }: HeldMount, mounts: Mounts, engine: Engine): Promise<number> {
  const sizeBytes = (await engine.sizesOnDisk([folder])).get(folder) ?? 0;
  mounts.noteSize(name, sizeBytes);
  return sizeBytes;
}

/** The mount that is meant: one that is here, else one as its snapshot or the flags say. */
function useOf(mounts: Mounts, settings: MountRestoreSettings, { snapshot }: RestoreSource): MountUse {
  const { mode, uid, gid } = settings.owner;
  const isStated = mode !== undefined || uid !== undefined || gid !== undefined;
  const known =
    isStated || mountsNamed(mounts, settings).length === 0 ? undefined : theMount(mounts, settings);
  const stated = { mode: mode ?? USUAL.mode, uid: uid ?? USUAL.uid, gid: gid ?? USUAL.gid };
  const owner = known?.owner ?? (isStated ? stated : (snapshot?.owner ?? USUAL));
  const project = known === undefined ? projectOf(settings) : known.project;
  const target = known?.target ?? snapshot?.target ?? settings.id;
  return {
    ...{ id: known?.id ?? settings.id, owner, target, hasSeed: false },
    ...(project !== undefined && { project }),
    sharing: known?.sharing ?? snapshot?.sharing ?? defaultSharing(target, []),
  };
}
