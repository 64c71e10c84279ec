import { inflateRawSync } from "node:zlib";
import { type Digest, digestOf } from "../../src/layer/digest.ts";
import { CONSTANT_MTIME } from "../../src/layer/entry.ts";
import { type SourceEntry, segmentFromFiles } from "../../src/layer/files.ts";
import type { BlobWriter, Segment } from "../../src/layer/segment.ts";

/** What a test says of an entry; the rest is root's and 0644 or 0755. */
export type EntrySketch =
  | {
      readonly type: "file";
      readonly path: string;
      readonly content: string | Uint8Array;
      readonly mode?: number;
    }
  | { readonly type: "directory"; readonly path: string; readonly mode?: number }
  | { readonly type: "symlink" | "hardlink"; readonly path: string; readonly target: string };

/** Blobs in memory. */
export function memoryBlobs(): BlobWriter & { readonly stored: ReadonlyMap<Digest, Uint8Array> } {
  const stored = new Map<Digest, Uint8Array>();
  return {
    stored,
    put(bytes) {
      const digest = digestOf(bytes);
      stored.set(digest, Uint8Array.from(bytes));
      return digest;
    },
  };
}

/** Content of a file of segments whose blobs are in memory. */
export function fileReader(
  segments: readonly Segment[],
  stored: ReadonlyMap<Digest, Uint8Array>,
): (path: string) => Uint8Array | undefined {
  return (path) => {
    const entry = segments.flatMap((segment) => segment.entries).find((one) => one.path === path);
    if (entry?.type !== "file") return undefined;
    const blob = entry.payload && stored.get(entry.payload.blob);
    if (entry.payload === undefined || blob === undefined) return new Uint8Array(0);
    const { offset, length } = entry.payload;
    return inflateRawSync(blob.subarray(offset, offset + length));
  };
}

/** A package's segment of sketched entries, with a reader of its files. */
export function segmentOf(
  sketches: readonly EntrySketch[],
  name = "sample",
): { readonly segment: Segment; readFile(path: string): Uint8Array | undefined } {
  const blobs = memoryBlobs();
  const entries = sketches.map((sketch): SourceEntry => {
    const owner = { uid: 0, gid: 0 };
    if (sketch.type === "file") {
      return { ...owner, ...sketch, mode: sketch.mode ?? 0o644, content: Buffer.from(sketch.content) };
    }
    if (sketch.type === "directory") return { ...owner, ...sketch, mode: sketch.mode ?? 0o755 };
    return { ...owner, ...sketch, mode: 0o777 };
  });
  const recipe = {
    ecosystem: "debian",
    layoutVersion: 1,
    source: digestOf(JSON.stringify(sketches)),
    options: {},
  } as const;
  const segment = segmentFromFiles({ recipe, name, key: name, mtimeSec: CONSTANT_MTIME, entries }, blobs);
  return { segment, readFile: fileReader([segment], blobs.stored) };
}
