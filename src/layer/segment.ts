import type { Digest } from "./digest.ts";
import type { DirectoryEntry, FileEntry, HardlinkEntry, SpecialEntry, SymlinkEntry } from "./entry.ts";

/** sha256 hex of the canonical JSON of a recipe. */
export type SegmentId = string & { readonly __segmentId: true };

/**
 * What a segment is computed from. Equal recipes give equal segments on every machine, so its canonical JSON is the
 * segment's identity. `layoutVersion` changes when the same input would give other bytes.
 */
export type Recipe = {
  readonly ecosystem: "python" | "bytecode" | "debian" | "generated" | "files";
  readonly layoutVersion: number;
  /** Digest of the archive, or of the content for what has none. */
  readonly source: Digest;
  /** Whatever else decides bytes: installation scheme, direct URL, what of a .deb is left out. */
  readonly options: Readonly<Record<string, string>>;
};

/**
 * Where a file's content is: a raw deflate stream (RFC 1951) inside a stored blob.
 * `offset` and `length` in bytes; `crc32` of the content, which the gzip member around it needs.
 */
export type Payload = {
  readonly blob: Digest;
  readonly offset: number;
  readonly length: number;
  readonly crc32: number;
};

/** A file of size 0 has no payload; every other has one. */
export type SegmentFile = FileEntry & { readonly payload?: Payload };
/** `isImplied`: made when nothing below has it, else left as it is, as the destination of a copy. */
export type SegmentDirectory = DirectoryEntry & { readonly isImplied?: true };
export type SegmentEntry = SegmentFile | SegmentDirectory | SymlinkEntry | HardlinkEntry | SpecialEntry;

/** A 64-bit ELF file among a segment's files that is linked dynamically, and what it asks of the dynamic loader. */
export type SharedObject = {
  readonly path: string;
  /** Of the two that we build for; absent for others. */
  readonly architecture?: "amd64" | "arm64";
  /** DT_SONAME. */
  readonly soname?: string;
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[];
  /** Folders of DT_RUNPATH or DT_RPATH, `$ORIGIN` as written. */
  readonly runpath: readonly string[];
};

/**
 * The unit of content: one package's entries (or generated files, or the user's), sorted by path.
 * A directory stands here only when the package itself states its metadata; parents are made when a layer is composed.
 */
export type Segment = {
  readonly id: SegmentId;
  readonly recipe: Recipe;
  /** What people call it: `numpy 2.1.0`, `libc6 2.36-9`, `project files`. */
  readonly name: string;
  /** Decides the winner and the group: normalised package name, or the name of what is generated. */
  readonly key: string;
  /** Seconds since the epoch for every entry. */
  readonly mtimeSec: number;
  readonly entries: readonly SegmentEntry[];
  /** Sum of file sizes in bytes. */
  readonly sizeBytes: number;
  /** Blobs that payloads point into, each once. */
  readonly blobs: readonly Digest[];
  /**
   * Those that could be read, in the order of the entries. Absent where nobody looked, as in a .deb and in what was kept
   * before this was. Decides no byte of a layer.
   */
  readonly sharedObjects?: readonly SharedObject[];
};

/** Reads stored blobs at offsets; synchronous, because the readers are workers that do nothing else meanwhile. */
export interface BlobReader {
  /** Fills `target` from `offset`. @throws CambiumError `BLOB_UNKNOWN` if absent, `SIZE_INVALID` at a short read. */
  read(blob: Digest, offset: number, target: Uint8Array): void;
}

/** Stores small made bytes (recompressed payloads) as one blob and gives its digest. */
export interface BlobWriter {
  put(bytes: Uint8Array): Digest;
}
