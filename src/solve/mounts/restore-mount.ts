import type { MountSnapshot } from "../../cache/mount-snapshot.ts";
import type { Engine } from "../../engine/embedded/engine.ts";
import { mergedMembers } from "../../image/merged-members.ts";
import type { MountState } from "../../store/mount-state.ts";
import { type MountName, Mounts } from "../../store/mounts.ts";
import { type LayerBench, lazyLayer } from "../lazy-layers.ts";

/**
 * Makes a mount of its snapshot, in place of what is there: whole or not at all. From then on a snapshot of it packs only
 * what was changed since. Layers that are not here are fetched from where they were seen. Whoever calls holds the mount.
 * @returns bytes of layers, and milliseconds.
 * @throws CambiumError as `fetchLayer`, `mergedMembers` and `makeFolder`.
 */
export async function restoreMount(
  name: MountName,
  folder: string,
  { id, root, layers, createdMs }: Pick<MountSnapshot, "id" | "root" | "layers" | "createdMs">,
  engine: Engine,
  bench: LayerBench,
): Promise<{ readonly bytes: number; readonly ms: number }> {
  const began = performance.now();
  const { signal } = bench;
  const { mode, uid, gid, mtime } = root;
  const members = mergedMembers(
    layers.map((layer) => lazyLayer(layer, bench)),
    { where: `snapshot of the cache mount ${id}`, signal },
  );
  await engine.makeFolder(folder, { owner: { mode, uid, gid }, mtime, members }, signal);
  await noteRestored(name, folder, { chain: layers, createdMs }, engine, bench);
  const bytes = layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  return { bytes, ms: Math.round(performance.now() - began) };
}

/** Without it the next snapshot is a whole one, which is no reason to do without what was restored. */
async function noteRestored(
  name: MountName,
  folder: string,
  state: Omit<MountState, "paths">,
  engine: Engine,
  { store, signal }: LayerBench,
): Promise<void> {
  try {
    const paths = await engine.listFolder(folder, signal);
    new Mounts(store).noteState(name, { ...state, paths });
  } catch {
    signal.throwIfAborted();
  }
}
