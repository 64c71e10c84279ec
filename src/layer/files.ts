import { crc32 } from "node:zlib";
import { CambiumError } from "../errors.ts";
import { deflatePinned } from "./deflate.ts";
import { digestOf } from "./digest.ts";
import { comparePaths, type DirectoryEntry, type HardlinkEntry, type SymlinkEntry } from "./entry.ts";
import type { BlobWriter, Recipe, Segment, SegmentEntry, SegmentFile } from "./segment.ts";
import { segmentId } from "./segment-id.ts";

/** A file whose content is in memory, not yet in any blob. */
export type SourceFile = {
  readonly type: "file";
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly xattrs?: Readonly<Record<string, string>>;
  readonly content: Uint8Array;
};
export type SourceEntry = SourceFile | DirectoryEntry | SymlinkEntry | HardlinkEntry;

/**
 * Files at hand become a segment: each is deflated by the pinned compressor, and all of them are put together in one
 * blob, the pack.
 * @throws CambiumError `SEGMENT_DUPLICATE` when a path stands twice.
 */
export function segmentFromFiles(
  input: {
    readonly recipe: Recipe;
    readonly name: string;
    readonly key: string;
    readonly mtimeSec: number;
    readonly entries: readonly SourceEntry[];
  },
  blobs: BlobWriter,
): Segment {
  const sorted = [...input.entries].sort((a, b) => comparePaths(a.path, b.path));
  const packed = new Map<string, { offset: number; length: number }>();
  const parts: Uint8Array[] = [];
  let packLength = 0;
  const drafts = sorted.map((entry, index) => {
    if (index > 0 && sorted[index - 1]?.path === entry.path) {
      throw new CambiumError("SEGMENT_DUPLICATE", `${input.name}: the path stands twice: ${entry.path}`);
    }
    if (entry.type !== "file") return { entry };
    const { content, ...rest } = entry;
    const file: SegmentFile = { ...rest, size: content.length, digest: digestOf(content) };
    if (content.length === 0) return { entry: file };
    let place = packed.get(file.digest);
    if (place === undefined) {
      const deflated = deflatePinned(content);
      place = { offset: packLength, length: deflated.length };
      packed.set(file.digest, place);
      parts.push(deflated);
      packLength += deflated.length;
    }
    return { entry: file, place, crc: crc32(content) };
  });

  const pack = packLength === 0 ? undefined : blobs.put(Buffer.concat(parts, packLength));
  const entries = drafts.map(({ entry, place, crc }): SegmentEntry => {
    if (entry.type !== "file" || place === undefined || pack === undefined) return entry;
    return { ...entry, payload: { blob: pack, offset: place.offset, length: place.length, crc32: crc } };
  });
  return {
    id: segmentId(input.recipe),
    recipe: input.recipe,
    name: input.name,
    key: input.key,
    mtimeSec: input.mtimeSec,
    entries,
    sizeBytes: entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0),
    blobs: pack === undefined ? [] : [pack],
  };
}
