import { crc32 } from "node:zlib";
import { CambiumError } from "../errors.ts";
import { deflatePinned } from "./deflate.ts";
import { type Digest, digestOf } from "./digest.ts";
import { comparePaths, type DirectoryEntry, type HardlinkEntry, type SymlinkEntry } from "./entry.ts";
import type { BlobWriter, Payload, Recipe, Segment, SegmentEntry, SegmentFile } from "./segment.ts";
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
  const pack = new Pack();
  const drafts = sorted.map((entry, index) => {
    if (index > 0 && sorted[index - 1]?.path === entry.path) {
      throw new CambiumError("SEGMENT_DUPLICATE", `${input.name}: the path stands twice: ${entry.path}`);
    }
    if (entry.type !== "file") return entry;
    const { content, ...rest } = entry;
    return { ...rest, packed: pack.add(content) };
  });
  const blob = pack.put(blobs);
  const entries = drafts.map((draft): SegmentEntry => {
    if (draft.type !== "file") return draft;
    const { packed, ...file } = draft;
    return packedFile(file, packed, blob);
  });
  return {
    id: segmentId(input.recipe),
    recipe: input.recipe,
    name: input.name,
    key: input.key,
    mtimeSec: input.mtimeSec,
    entries,
    sizeBytes: entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0),
    blobs: blob === undefined ? [] : [blob],
  };
}

/** A content that was packed; all in bytes. Empty ones have no place. */
export type Packed = {
  readonly size: number;
  readonly digest: Digest;
  readonly place?: Omit<Payload, "blob">;
};

/** Deflates contents one after another into one blob, equal ones once. Memory: what they are deflated. */
export class Pack {
  readonly #known = new Map<Digest, Packed>();
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  add(content: Uint8Array): Packed {
    const digest = digestOf(content);
    const size = content.length;
    if (size === 0) return { size, digest };
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    const deflated = deflatePinned(content);
    const place = { offset: this.#length, length: deflated.length, crc32: crc32(content) };
    const packed = { size, digest, place };
    this.#known.set(digest, packed);
    this.#parts.push(deflated);
    this.#length += deflated.length;
    return packed;
  }

  /** Undefined when there is nothing in it. */
  put(blobs: BlobWriter): Digest | undefined {
    return this.#length === 0 ? undefined : blobs.put(Buffer.concat(this.#parts, this.#length));
  }
}

/** The file of a content that is in the pack `blob`. */
export function packedFile(
  file: Omit<SegmentFile, "size" | "digest" | "payload">,
  { size, digest, place }: Packed,
  blob: Digest | undefined,
): SegmentFile {
  const payload = place === undefined || blob === undefined ? {} : { payload: { blob, ...place } };
  return { ...file, size, digest, ...payload };
}
