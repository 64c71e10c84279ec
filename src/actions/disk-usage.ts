import { existsSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createEngine } from "../engine/embedded/engine.ts";
import { hexOf } from "../layer/digest.ts";
import { rankedByNeed } from "../store/retention.ts";
import { amongRunning } from "../store/running.ts";
import { type Stored, survey } from "../store/survey.ts";
import { taggedDigests } from "../store/tags.ts";
import { listMounts } from "./mounts.ts";
import type { DiskUsage, KindUsage } from "./results.ts";
import { openedStore } from "./session.ts";
import type { DiskUsageSettings } from "./settings.ts";
import { KINDS, kindOf, sumOf } from "./store-kinds.ts";

/** Folders that no prune of blobs looks into. */
const FOLDERS = [
  { name: "tools", folders: ["tools"] },
  { name: "other", folders: ["compile-cache", "locks-v1", "leases-v1", "tmp", "run"] },
] as const;

/** What the store holds, by kind, and what of it could go. */
export async function diskUsage(settings: DiskUsageSettings): Promise<DiskUsage> {
  const store = openedStore(settings);
  const engine = createEngine({ store, searchPath: settings.env.PATH ?? "" });
  const all = survey(store, { trees: engine.trees(), now: Date.now() });
  const tagged = new Set<Stored>();
  const used = new Set<Stored>();
  const sinceMs = amongRunning(join(store.root, "leases-v1"), (since) => since);
  for (const { item, neededMs } of rankedByNeed(all, { named: taggedDigests(store).map(hexOf), whole: [] })) {
    if (neededMs === Number.POSITIVE_INFINITY) tagged.add(item);
    else if (sinceMs !== undefined && neededMs >= sinceMs) used.add(item);
  }
  engine.close();
  store.close();
  const usageOf = (name: string, items: readonly Stored[]): KindUsage => {
    const [taggedBytes, inUseBytes] = [tagged, used].map((set) => sumOf(items.filter((it) => set.has(it))));
    const sizeBytes = sumOf(items);
    const freeBytes = sizeBytes - taggedBytes! - inUseBytes!;
    return {
      ...{ name, count: items.length, sizeBytes },
      taggedBytes: taggedBytes!,
      inUseBytes: inUseBytes!,
      freeBytes,
    };
  };
  const kinds = KINDS.map((name) =>
    usageOf(
      name,
      all.filter((item) => kindOf(item) === name),
    ),
  );
  const { mounts } = await listMounts(settings);
  const mountsInUse = sumOf(mounts.filter(({ isInUse }) => isInUse));
  const mountUsage: KindUsage = {
    ...{ name: "cache mounts", count: mounts.length, sizeBytes: sumOf(mounts), taggedBytes: 0 },
    ...{ inUseBytes: mountsInUse, freeBytes: sumOf(mounts) - mountsInUse },
  };
  const others = FOLDERS.map(({ name, folders }): KindUsage => {
    const sizes = folders.flatMap((folder) => fileSizes(join(store.root, folder)));
    const sizeBytes = sizes.reduce((sum, size) => sum + size, 0);
    return { name, count: sizes.length, sizeBytes, taggedBytes: 0, inUseBytes: sizeBytes, freeBytes: 0 };
  });
  const found = [...kinds, mountUsage, ...others];
  return { root: store.root, totalBytes: sumOf(found), kinds: found };
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
