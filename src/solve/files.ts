import { canonicalJson } from "../canonical-json.ts";
import type { ContentFile, ContentSource } from "../context/content-source.ts";
import type { PlacedEntry } from "../context/target-tree.ts";
import { CambiumError } from "../errors.ts";
import { type Digest, digestOf } from "../layer/digest.ts";
import type {
  Payload,
  Recipe,
  Segment,
  SegmentDirectory,
  SegmentEntry,
  SegmentId,
} from "../layer/segment.ts";
import { segmentId } from "../layer/segment-id.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import { deflateEach } from "./deflate-each.ts";
import { Pack } from "./pack.ts";
import { wholeSegment } from "./segments.ts";
import type { Workbench } from "./workbench.ts";

/** What is to stand at a path, and for a file which source has its content. */
export type SourcedEntry = Exclude<PlacedEntry, { readonly type: "directory" }> | SegmentDirectory;
type SourcedFile = Extract<SourcedEntry, { readonly type: "file" }>;

/** A segment in more packs than this is packed anew: little of the old ones may be in use by then. */
const MAX_PACKS = 8;

/** Without a pool all is deflated in this thread. */
type Bench = Pick<Workbench, "store" | "lease" | "signal"> & Partial<Pick<Workbench, "pool">>;

export type FilesLabel = {
  /** For people. */
  readonly name: string;
  /** Stands in the recipe; absent where equal files from anywhere are to be one segment. */
  readonly recipeName?: string;
  readonly key: string;
  readonly mtimeSec: number;
  /** False: a segment that is known will do without bytes; for who sees to it that nothing reads them. */
  readonly isWhole?: boolean;
  /**
   * The same for one copy from build to build, on this machine: contents that the segment before had are taken from
   * where they are, so that a change costs what changed.
   */
  readonly slot?: string;
};

/**
 * Files of any source as a segment. Its recipe is what was found: path, type, mode, owner, link, content, extended
 * attributes and device, never a time of the host. Files are read only when their digest or their bytes are not known yet.
 * `entries` are sorted, each path once.
 * @throws CambiumError `CONTEXT_UNREADABLE`, `CONTEXT_CHANGED`, and as the sources.
 */
export async function filesSegment(
  label: FilesLabel,
  entries: readonly SourcedEntry[],
  bench: Bench,
): Promise<Segment> {
  const digests = new Map<SourcedFile, Digest>();
  for (const entry of entries) {
    if (entry.type === "file") digests.set(entry, await entry.from.digest(entry.content));
  }
  const digested = entries.map((entry): SegmentEntry => {
    if (entry.type !== "file") return entry;
    const { from: _, content, link: __, ...file } = entry;
    return { ...file, size: content.size, digest: digests.get(entry)! };
  });
  const id = segmentId(recipeOf(label, digested));
  const known = label.isWhole === false ? bench.store.segments.get(id) : wholeSegment(bench, id);
  if (known !== undefined) {
    bench.lease.protect(known.blobs);
    return { ...known, name: label.name, key: label.key };
  }
  const before = label.slot === undefined ? NO_PAYLOADS : lastPayloads(label.slot, bench);
  const segment = putFiles(label, digested, await payloadsOf(digests, before, bench), bench);
  if (label.slot !== undefined) bench.store.records.put("last-files", label.slot, { segment: segment.id });
  return segment;
}

const NO_PAYLOADS: ReadonlyMap<Digest, Payload> = new Map();

function lastPayloads(slot: string, bench: Bench): ReadonlyMap<Digest, Payload> {
  const last = bench.store.records.get("last-files", slot) as { segment: SegmentId } | undefined;
  const segment = last && wholeSegment(bench, last.segment);
  if (segment === undefined || segment.blobs.length > MAX_PACKS) return NO_PAYLOADS;
  return new Map(
    segment.entries.flatMap((entry) =>
      entry.type === "file" && entry.payload !== undefined ? [[entry.digest, entry.payload] as const] : [],
    ),
  );
}

/** Files whose contents are in the store already, as a segment. */
export function putFiles(
  label: FilesLabel,
  entries: readonly SegmentEntry[],
  payloads: ReadonlyMap<Digest, Payload>,
  bench: Pick<Bench, "store" | "lease">,
): Segment {
  const recipe = recipeOf(label, entries);
  const placed = entries.map((entry): SegmentEntry => {
    if (entry.type !== "file" || entry.size === 0) return entry;
    const payload = payloads.get(entry.digest);
    return { ...entry, ...(payload && { payload }) };
  });
  const blobs = [...new Set([...payloads.values()].map(({ blob }) => blob))];
  const segment: Segment = {
    id: segmentId(recipe),
    recipe,
    name: label.name,
    key: label.key,
    mtimeSec: label.mtimeSec,
    entries: placed,
    sizeBytes: entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0),
    blobs,
  };
  bench.lease.protect(blobs);
  bench.store.segments.put(segment);
  return segment;
}

function recipeOf({ recipeName, mtimeSec }: FilesLabel, entries: readonly SegmentEntry[]): Recipe {
  const listing = entries.map((entry) => ({
    ...{ path: entry.path, type: entry.type, mode: entry.mode, uid: entry.uid, gid: entry.gid },
    xattrs: entry.xattrs,
    target: "target" in entry ? entry.target : undefined,
    isImplied: "isImplied" in entry ? entry.isImplied : undefined,
    device: "device" in entry ? entry.device : undefined,
    digest: "digest" in entry ? entry.digest : undefined,
  }));
  return {
    ecosystem: "files",
    layoutVersion: LAYOUT_VERSIONS.files,
    source: digestOf(canonicalJson(listing)),
    options: { mtime: String(mtimeSec), ...(recipeName !== undefined && { name: recipeName }) },
  };
}

/** Where each different content is in the store: where it was already, or in a new pack of all others. */
async function payloadsOf(
  digests: ReadonlyMap<SourcedFile, Digest>,
  before: ReadonlyMap<Digest, Payload>,
  bench: Bench,
): Promise<ReadonlyMap<Digest, Payload>> {
  const payloads = new Map<Digest, Payload>();
  const wanted = new Map<ContentSource, ContentFile[]>();
  const missing = new Map<Digest, string>();
  for (const [{ from, content }, digest] of digests) {
    if (content.size === 0 || payloads.has(digest) || missing.has(digest)) continue;
    const payload = before.get(digest) ?? from.payload?.(content);
    if (payload !== undefined && bench.store.blobs.has(payload.blob)) {
      payloads.set(digest, payload);
    } else {
      missing.set(digest, content.path);
      const files = wanted.get(from) ?? [];
      files.push(content);
      wanted.set(from, files);
    }
  }
  if (wanted.size === 0) return payloads;
  const { pool } = bench;
  const deflater = pool && {
    parallel: pool.size,
    deflate: (contents: readonly Uint8Array[]) => deflateEach(pool, contents),
  };
  const pack = await Pack.create(bench.store.blobs, deflater);
  try {
    for (const [source, files] of wanted) {
      for await (const { content } of source.read(files)) {
        bench.signal.throwIfAborted();
        const file = pack.open();
        for await (const bytes of content) await file.write(bytes);
        missing.delete(await file.end());
      }
    }
    const [changed] = missing.values();
    if (changed !== undefined) {
      throw new CambiumError("CONTEXT_CHANGED", `${changed} changed while it was read`, {
        hint: "Run the build again when nothing writes into the project.",
      });
    }
  } catch (error) {
    await pack.discard();
    throw error;
  }
  for (const [digest, payload] of await pack.finish()) payloads.set(digest, payload);
  return payloads;
}
