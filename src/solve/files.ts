import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { canonicalJson } from "../canonical-json.ts";
import { contentDigest, type DigestCache } from "../context/content-digest.ts";
import type { CopyEntry } from "../context/copy.ts";
import { CambiumError } from "../errors.ts";
import { PinnedDeflate } from "../layer/deflate.ts";
import { type Digest, digestOf, parseDigest } from "../layer/digest.ts";
import type { Recipe, Segment, SegmentEntry } from "../layer/segment.ts";
import { segmentId } from "../layer/segment-id.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import { wholeSegment } from "./segments.ts";
import type { Workbench } from "./workbench.ts";

type DigestedEntry = { readonly entry: CopyEntry; readonly digest?: Digest };

/**
 * Files of the context as a segment. Its recipe is what was found: path, type, mode, owner, link and content, never a
 * time of the host. Files are read only when their digest or their bytes are not known yet.
 * @throws CambiumError `CONTEXT_UNREADABLE`, `CONTEXT_CHANGED`.
 */
export async function filesSegment(
  input: {
    readonly root: string;
    readonly name: string;
    readonly key: string;
    readonly entries: readonly CopyEntry[];
    readonly mtimeSec: number;
  },
  cache: DigestCache,
  bench: Workbench,
): Promise<Segment> {
  const digested: DigestedEntry[] = [];
  for (const entry of input.entries) {
    const isFile = entry.type === "file" && entry.source !== undefined;
    digested.push(
      isFile ? { entry, digest: await contentDigest(input.root, entry.source, cache) } : { entry },
    );
  }
  const listing = digested.map(({ entry, digest }) => {
    const { path, type, mode, uid, gid, target, isImplied } = entry;
    return { path, type, mode, uid, gid, target, isImplied, digest };
  });
  const recipe: Recipe = {
    ecosystem: "files",
    layoutVersion: LAYOUT_VERSIONS.files,
    source: digestOf(canonicalJson(listing)),
    options: { mtime: String(input.mtimeSec), name: input.name },
  };
  const id = segmentId(recipe);
  const known = wholeSegment(bench, id);
  if (known !== undefined) return known;
  const pack = await packFiles(input.root, digested, bench);
  const entries = digested.map(({ entry, digest }): SegmentEntry => segmentEntry(entry, digest, pack));
  const segment: Segment = {
    id,
    recipe,
    name: input.name,
    key: input.key,
    mtimeSec: input.mtimeSec,
    entries,
    sizeBytes: entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0),
    blobs: pack.blob === undefined ? [] : [pack.blob],
  };
  bench.lease.protect(segment.blobs);
  bench.store.segments.put(segment);
  return segment;
}

type Place = { readonly offset: number; readonly length: number; readonly crc: number };
type Pack = { readonly blob: Digest | undefined; readonly places: ReadonlyMap<Digest, Place> };

function segmentEntry(entry: CopyEntry, digest: Digest | undefined, pack: Pack): SegmentEntry {
  const { path, mode, uid, gid } = entry;
  const common = { path, mode, uid, gid };
  if (entry.type === "directory")
    return { ...common, type: "directory", ...(entry.isImplied && { isImplied: true }) };
  if (entry.type === "symlink")
    return { ...common, mode: 0o777, type: "symlink", target: entry.target ?? "" };
  if (digest === undefined || entry.source === undefined)
    throw new TypeError(`a file without content: ${path}`);
  const file = { ...common, type: "file", size: entry.source.size, digest } as const;
  const place = pack.places.get(digest);
  if (place === undefined || pack.blob === undefined) return file;
  return {
    ...file,
    payload: { blob: pack.blob, offset: place.offset, length: place.length, crc32: place.crc },
  };
}

/** Deflates every different content into one blob, streaming: a file of any size takes a few MB of memory. */
async function packFiles(root: string, entries: readonly DigestedEntry[], bench: Workbench): Promise<Pack> {
  const places = new Map<Digest, Place>();
  const temporary = bench.store.blobs.temporary();
  const hash = createHash("sha256");
  const file = await open(temporary, "w");
  let total = 0;
  try {
    const write = async (bytes: Uint8Array) => {
      hash.update(bytes);
      await file.writeFile(bytes);
      total += bytes.length;
    };
    for (const { entry, digest } of entries) {
      const size = entry.source?.size ?? 0;
      if (digest === undefined || entry.source === undefined || size === 0 || places.has(digest)) continue;
      bench.signal.throwIfAborted();
      const offset = total;
      const crc = await deflateFile(join(root, entry.source.path), entry.source.path, digest, write);
      places.set(digest, { offset, length: total - offset, crc });
    }
    await file.datasync();
  } finally {
    await file.close();
  }
  const blob = total === 0 ? undefined : parseDigest(`sha256:${hash.digest("hex")}`, temporary);
  // Nothing to keep: the empty temporary is adopted as the blob of no bytes, which costs nothing and leaves no litter.
  bench.store.blobs.adopt(temporary, blob ?? digestOf(""));
  return { blob, places };
}

async function deflateFile(
  path: string,
  name: string,
  want: Digest,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<number> {
  const content = createHash("sha256");
  const deflate = new PinnedDeflate();
  let crc = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    content.update(chunk);
    crc = crc32(chunk, crc);
    for (const part of deflate.push(chunk)) await write(part);
  }
  for (const part of deflate.finish()) await write(part);
  if (`sha256:${content.digest("hex")}` !== want) {
    throw new CambiumError("CONTEXT_CHANGED", `${name} changed while it was read`, {
      hint: "Run the build again when nothing writes into the project.",
    });
  }
  return crc;
}
