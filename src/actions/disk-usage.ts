import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { DiskUsage } from "./results.ts";
import { openedStore } from "./session.ts";
import type { DiskUsageSettings } from "./settings.ts";

/** What the folders of the store hold, to people. */
const KINDS = [
  { name: "archives and images", folders: ["blobs-v1"] },
  { name: "package listings", folders: ["segments-v1"] },
  { name: "tools", folders: ["tools"] },
  { name: "other", folders: ["compile-cache", "locks-v1", "leases-v1", "tmp", "run"] },
] as const;

/** Counts files and bytes of the store. */
export async function diskUsage(settings: DiskUsageSettings): Promise<DiskUsage> {
  const store = openedStore(settings);
  store.close();
  const kinds = KINDS.map(({ name, folders }) => {
    const sizes = folders.flatMap((folder) => fileSizes(join(store.root, folder)));
    return { name, count: sizes.length, sizeBytes: sizes.reduce((sum, size) => sum + size, 0) };
  });
  return { root: store.root, totalBytes: kinds.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0), kinds };
}

function fileSizes(folder: string): number[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true, encoding: "utf8" });
  // Files come and go while another process builds.
  return entries.flatMap((entry) =>
    entry.isFile()
      ? (lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? [])
      : [],
  );
}
