import type { MountSnapshot } from "../../cache/mount-snapshot.ts";
import type { Engine } from "../../engine/embedded/engine.ts";
import { CambiumError, messageOf } from "../../errors.ts";
import { type MountName, Mounts, type MountUse, mountName, type StoredMount } from "../../store/mounts.ts";
import type { Workbench } from "../workbench.ts";
import { isWorth } from "./mount-costs.ts";
import { type SnapshotOptions, type SnapshotResult, snapshotMount } from "./snapshot-mount.ts";

/** Which of the mounts that a build needed go into an export: all, none, or those of these ids. */
export type MountSelection = "all" | "none" | readonly string[];

/** A mount of an export, or why it is not in it. */
export type ExportedMount = { readonly use: MountUse } & (
  | ({ readonly state: "exported" } & SnapshotResult)
  /** Restoring it costs more than it saves: the snapshot says that, and has no layers. */
  | { readonly state: "not-worth"; readonly snapshot: MountSnapshot }
  /** `absent`: all steps that use it were hits, so it is not here; what an export has of it is still right. */
  | { readonly state: "absent" | "empty" | "failed" }
);

type Bench = Pick<Workbench, "store" | "lease" | "emit" | "signal">;

/**
 * Packs the mounts that a build needed for an export; bytes of new layers are in the store. Never fails a build: what is
 * in use, cannot be read or is not worth its transfer is left out, and said.
 * @param uses of all steps that the build needed, whether they ran or not; each mount counts once
 * @throws the signal's reason.
 */
export async function snapshotMounts(
  uses: readonly MountUse[],
  selection: MountSelection,
  engine: Engine,
  bench: Bench,
  options: SnapshotOptions,
): Promise<ExportedMount[]> {
  const exported: ExportedMount[] = [];
  for (const [name, use] of selectedMounts(uses, selection))
    exported.push({ use, ...(await exportedMount(name, use, engine, bench, options)) });
  return exported;
}

/** Each once, in the order of their names. */
export function selectedMounts(
  uses: readonly MountUse[],
  selection: MountSelection,
): readonly (readonly [MountName, MountUse])[] {
  if (selection === "none") return [];
  const byName = new Map(uses.map((use) => [mountName(use), use] as const));
  const chosen = [...byName].filter(([, { id }]) => selection === "all" || selection.includes(id));
  return chosen.sort(([a], [b]) => (a < b ? -1 : 1));
}

async function exportedMount(
  name: string,
  use: MountUse,
  engine: Engine,
  bench: Bench,
  options: SnapshotOptions,
) {
  const { store, emit, signal } = bench;
  const mount = new Mounts(store).find(name);
  if (mount?.id === undefined) return { state: "absent" } as const;
  if (mount.costs !== undefined && !isWorth(mount.costs)) {
    const message = `the cache mount ${use.id} is not exported: restoring it took longer than it saves`;
    emit({ type: "notice", message });
    return { state: "not-worth", snapshot: withoutContent(mount) } as const;
  }
  try {
    const result = await snapshotMount(name, engine, bench, options);
    if (result.snapshot.layers.length === 0) return { state: "empty" } as const;
    return { state: "exported", ...result } as const;
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof CambiumError ? error.code : "MOUNT_UNREADABLE";
    emit({
      type: "warning",
      code,
      message: `the cache mount ${use.id} is not exported: ${messageOf(error)}`,
    });
    return { state: "failed" } as const;
  }
}

/** What it costs and saves, for machines that would have to measure that again. */
function withoutContent({
  name,
  id = "",
  project,
  owner,
  target,
  sharing,
  costs,
}: StoredMount): MountSnapshot {
  return {
    ...{ name, id, owner: owner!, target: target ?? id, sharing: sharing ?? "locked" },
    ...(project !== undefined && { project }),
    root: { ...owner!, mtime: "0.000000000" },
    ...{ layers: [], liveBytes: 0, createdMs: 0, costs: costs ?? { steps: {} } },
  };
}
