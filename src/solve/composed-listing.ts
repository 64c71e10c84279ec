import { comparePaths } from "../layer/entry.ts";
import type { LayerRecord } from "../layer/layer.ts";
import type { LayerListing, ListedEntry, WantedFiles } from "../layer/listing.ts";
import { readSegmentFile } from "../layer/read-file.ts";
import { whiteoutOf } from "../layer/whiteout.ts";
import type { Store } from "../store/store.ts";
import { compositionSegments, storedPlan } from "../store/stored-layer.ts";

/** The listing of a layer that was composed here, from its segments: no byte is read but those that are wanted. */
export function composedListing(
  store: Store,
  record: LayerRecord,
  wanted: WantedFiles,
): LayerListing | undefined {
  if (compositionSegments(store, record.descriptor.digest) === undefined) return undefined;
  const plan = storedPlan(store, record);
  const contents = new Map<string, Uint8Array>();
  const whiteouts: string[] = [];
  const stated: ListedEntry[] = [...plan.directories];
  for (const { entry } of plan.entries) {
    // What a merge or a difference laid may delete; it states no opaque directory.
    const whiteout = whiteoutOf(entry, `layer ${record.descriptor.digest}`);
    if (whiteout === undefined) stated.push(listed(entry));
    else whiteouts.push(whiteout.path);
    if (entry.type !== "file") continue;
    const want = wanted.keep(entry.path);
    if (want === undefined || entry.size > want.maxBytes) continue;
    if (entry.payload !== undefined && !store.blobs.has(entry.payload.blob)) return undefined;
    const content = readSegmentFile(store.blobs, entry);
    const kept = want.reduce === undefined ? content : want.reduce(content);
    // A copy of its own: a view would keep what it was cut from.
    if (kept !== undefined) contents.set(entry.path, new Uint8Array(kept));
  }
  const entries = stated.sort((a, b) => comparePaths(a.path, b.path));
  whiteouts.sort(comparePaths);
  return {
    ...{ diffId: record.diffId, entries, whiteouts, opaques: [], late: [] },
    ...{ contents, wanted: wanted.id },
  };
}

function listed(entry: ReturnType<typeof storedPlan>["entries"][number]["entry"]): ListedEntry {
  if (entry.type !== "file") return entry;
  const { payload: _, ...file } = entry;
  return file;
}
