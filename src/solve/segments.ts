import { CambiumError } from "../errors.ts";
import { downloadBlob, type WantedBlob } from "../fetch/download.ts";
import type { Segment, SegmentId } from "../layer/segment.ts";
import { rememberLayer } from "../store/stored-layer.ts";
import type { Job } from "./jobs.ts";
import { rememberShipped } from "./shipped-records.ts";
import type { Workbench } from "./workbench.ts";

/** A segment by its recipe, and how to come by it if the store has not got it. */
export type WantedSegment = {
  readonly id: SegmentId;
  /** For people: `numpy 2.1.0`. */
  readonly name: string;
  readonly archive: WantedBlob;
  readonly job: Job;
};

/** Where archives come from is asked only when one is missing: it can cost a look-up in an index. */
export type Locate = (
  /** Whose archive has to be fetched. */
  absent: readonly WantedSegment[],
  /** How many segments have to be made, from fetched archives or from those at hand. */
  madeCount: number,
) => Promise<ReadonlyMap<SegmentId, readonly string[]>>;

/**
 * Gives segments their bytes, when something must read them: what a build record tells of a package is enough to plan
 * with and to name layers that exist elsewhere.
 */
export type Complete = (ids: ReadonlySet<SegmentId>) => Promise<void>;

/**
 * Gives the segments in the order asked for: from what the store knows, or by downloading and transcoding. One that is
 * known may still lack bytes, see `Complete`.
 * @throws as `makeSegments`.
 */
export async function ensureSegments(
  wanted: readonly WantedSegment[],
  bench: Workbench,
  locate: Locate,
): Promise<Segment[]> {
  const found = new Map<SegmentId, Segment>();
  for (const { id } of wanted) {
    const segment = bench.isForgetful ? undefined : bench.store.segments.get(id);
    if (segment !== undefined) found.set(id, segment);
  }
  const missing = wanted.filter(({ id }) => !found.has(id));
  for (const segment of await makeSegments(missing, bench, locate)) found.set(segment.id, segment);
  bench.lease.protect(wanted.map(({ archive }) => archive.digest));
  return wanted.map(({ id, name }) => {
    const segment = found.get(id);
    if (segment === undefined) throw new CambiumError("SEGMENT_LOST", `${name}: made, but not in the store`);
    return segment;
  });
}

/**
 * Gives the segments with all their bytes, in the order asked for: from the store, or by downloading and transcoding
 * what is missing, all at once and each only once, between processes too.
 * @throws the first failure; what the others finished stays in the store.
 */
export async function makeSegments(
  wanted: readonly WantedSegment[],
  bench: Workbench,
  locate: Locate,
): Promise<Segment[]> {
  if (wanted.length === 0) return [];
  bench.lease.protect(wanted.map(({ archive }) => archive.digest));
  const found = new Map<SegmentId, Segment>();
  for (const { id } of wanted) {
    const segment = bench.isForgetful ? undefined : wholeSegment(bench, id);
    if (segment !== undefined) found.set(id, segment);
  }
  const missing = wanted.filter(({ id }) => !found.has(id));
  if (missing.length > 0) {
    const abort = new AbortController();
    const signal = AbortSignal.any([bench.signal, abort.signal]);
    const absent = missing.filter(({ archive }) => !bench.store.blobs.has(archive.digest));
    const urls = await locate(absent, missing.length);
    // The heaviest first: what starts last should be small.
    const order = [...missing].sort((a, b) => (b.archive.sizeBytes ?? 0) - (a.archive.sizeBytes ?? 0));
    const results = await Promise.allSettled(
      order.map(async (want) => {
        try {
          const archive = { ...want.archive, urls: urls.get(want.id) ?? want.archive.urls };
          found.set(want.id, await makeSegment({ ...want, archive }, bench, signal));
        } catch (error) {
          abort.abort(error);
          throw error;
        }
      }),
    );
    const failed = results.filter((result) => result.status === "rejected");
    // Those that stopped because another failed say so less clearly than the one itself.
    if (failed.length > 0) throw abort.signal.aborted ? abort.signal.reason : failed[0]?.reason;
  }
  return wanted.map(({ id, name }) => {
    const segment = found.get(id);
    if (segment === undefined) throw new CambiumError("SEGMENT_LOST", `${name}: made, but not in the store`);
    return segment;
  });
}

/** The segment, if every blob that it points into is here. */
export function wholeSegment(bench: Pick<Workbench, "store">, id: SegmentId): Segment | undefined {
  const segment = bench.store.segments.get(id);
  return segment?.blobs.every((blob) => bench.store.blobs.has(blob)) ? segment : undefined;
}

async function makeSegment(want: WantedSegment, bench: Workbench, signal: AbortSignal): Promise<Segment> {
  const { store, emit } = bench;
  await downloadBlob(store, bench.client, want.archive, signal);
  const transcode = async () => {
    // Someone else may have made it while this one waited.
    const before = bench.isForgetful ? undefined : wholeSegment(bench, want.id);
    if (before !== undefined) return before;
    const sizeBytes = store.blobs.size(want.archive.digest) ?? 0;
    emit({ type: "transcode-started", id: want.id, name: want.name, sizeBytes });
    const result = await bench.pool.run(want.job, sizeBytes);
    if (result.layer !== undefined) {
      bench.describedLayers.add(result.layer.key);
      rememberLayer(store, result.layer.key, result.layer.record);
    }
    if (result.shipped !== undefined) rememberShipped(store.records, want.archive.digest, result.shipped);
    emit({ type: "transcode-done", id: want.id });
    return store.segments.get(want.id);
  };
  const segment = await store.exclusive(`segment ${want.id}`, transcode, { signal });
  if (segment === undefined || segment.id !== want.id) {
    throw new CambiumError("SEGMENT_LOST", `${want.name}: transcoding gave no segment ${want.id}`);
  }
  bench.lease.protect(segment.blobs);
  return segment;
}
