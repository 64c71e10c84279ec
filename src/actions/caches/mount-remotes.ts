import { entryTag } from "../../cache/entry.ts";
import { type MountSnapshot, readMountSnapshot } from "../../cache/mount-snapshot.ts";
import type { Remote } from "../../cache/remote.ts";
import type { Sources } from "../../cache/sources.ts";
import { loadImage } from "../../image/load.ts";
import { onceBytes } from "../../image/outputs/atomic-file.ts";
import type { ImageSource } from "../../image/source.ts";
import { machinePlatform } from "../../platform.ts";
import { noteCached } from "../../solve/cached-places.ts";
import { isWorth } from "../../solve/mounts/mount-costs.ts";
import type { MountRemotes } from "../../solve/mounts/mount-snapshots.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { type MountName, mountName } from "../../store/mounts.ts";

/** Snapshots of cache mounts in the places that a build asks. */
export function mountRemotes(sources: Sources, { store }: Workbench): MountRemotes {
  return {
    find: async (use) => {
      const found = await sources.first(undefined, async (remote) => {
        const snapshot = await mountSnapshotAt(remote, mountName(use));
        return snapshot && { snapshot, remote };
      });
      if (found === undefined || !isWorth(found.snapshot.costs)) return undefined;
      for (const { descriptor } of found.snapshot.layers) {
        noteCached(store, descriptor.digest, found.remote.place);
      }
      return found.snapshot;
    },
  };
}

/** Where the snapshot of a mount is in one place. */
export function mountTag(name: MountName, remote: Pick<Remote, "salt">): string {
  return entryTag("mount", name, remote);
}

/**
 * What a place has of a mount; undefined: nothing.
 * @throws CambiumError as `loadImage`, `readMountSnapshot` and `Remote`.
 */
export async function mountSnapshotAt(remote: Remote, name: MountName): Promise<MountSnapshot | undefined> {
  const manifest = await remote.manifest(mountTag(name, remote));
  if (manifest === undefined) return undefined;
  const where = `${remote.name}: a cache mount`;
  const source: ImageSource = {
    where,
    root: manifest.descriptor,
    read: (blob) =>
      blob.digest === manifest.descriptor.digest ? onceBytes(manifest.bytes) : remote.blob(blob),
    close: async () => undefined,
  };
  return readMountSnapshot(await loadImage(source, machinePlatform()), where);
}
