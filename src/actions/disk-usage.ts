import { existsSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createEngine } from "../engine/embedded/engine.ts";
import { listMounts } from "./mounts.ts";
import type { DiskUsage } from "./results.ts";
import { openedStore } from "./session.ts";
import type { DiskUsageSettings } from "./settings.ts";

/** What the folders of the store hold, to people. */
const KINDS = [
  { name: "archives and images", folders: ["blobs-v1"] },
  { name: "package listings", folders: ["segments-v1", "listings-v1"] },
  { name: "tools", folders: ["tools"] },
  { name: "other", folders: ["compile-cache", "locks-v1", "leases-v1", "tmp", "run"] },
] as const;

/** Counts files and bytes of the store; of unpacked layers and cache mounts, which may have millions, what is noted. */
export async function diskUsage(settings: DiskUsageSettings): Promise<DiskUsage> {
  const store = openedStore(settings);
  const engine = createEngine({ store, searchPath: settings.env.PATH ?? "" });
  const trees = [...engine.trees()];
  engine.close();
  store.close();
  const { mounts, totalBytes: mountBytes } = await listMounts(settings);
  const counted = KINDS.map(({ name, folders }) => {
    const sizes = folders.flatMap((folder) => fileSizes(join(store.root, folder)));
    return { name, count: sizes.length, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) };
  });
  const treeBytes = trees.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const kinds = [
    ...counted.slice(0, -1),
    { name: "unpacked layers", count: trees.length, sizeBytes: treeBytes },
    { name: "cache mounts", count: mounts.length, sizeBytes: mountBytes },
    ...counted.slice(-1),
  ];
  return { root: store.root, totalBytes: kinds.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), kinds };
}

function fileSizes(folder: string): number[] {
  // Not every store has every folder.
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true, encoding: "utf8" });
  // Files come and go while another process builds.
  return entries.flatMap((entry) =>
    entry.isFile()
      ? (lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? [])
      : [],
  );
}
