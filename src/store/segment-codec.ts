import { type Digest, hexOf, parseDigest } from "../layer/digest.ts";
import type { Payload, Recipe, Segment, SegmentEntry, SegmentId, SharedObject } from "../layer/segment.ts";
import { segmentId } from "../layer/segment-id.ts";
import { decodeDocument, encodeDocument } from "./checked-document.ts";

/**
 * A segment's document, version 1: one array per column, which zstd packs and JSON.parse reads far better than
 * 25,000 objects. `types` has one letter per entry; columns that only files or only links have are shorter.
 */
type SegmentDocument = {
  readonly version: 1;
  readonly id: string;
  readonly recipe: Recipe;
  readonly name: string;
  readonly key: string;
  readonly mtimeSec: number;
  readonly sizeBytes: number;
  readonly blobs: readonly string[];
  /**
   * `f`ile with payload, `e`mpty file (or one without payload), `d`irectory, `i`mplied directory, `s`ymlink, `h`ardlink,
   * `c`haracter and `b`lock device, `p`ipe.
   */
  readonly types: string;
  readonly paths: readonly string[];
  readonly modes: readonly number[];
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  /** Files' sizes, in entry order. */
  readonly sizes: readonly number[];
  /** Files' digests: 64 hex digits each, joined. */
  readonly digests: string;
  /** Symlinks' and hardlinks' targets, in entry order. */
  readonly targets: readonly string[];
  /** Four numbers per payload: place in `blobs`, offset, length, crc32. */
  readonly payloads: readonly number[];
  /** Two numbers per device, in entry order; absent without any. */
  readonly devices?: readonly number[];
  /** By the entry's place; few have any. */
  readonly xattrs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly sharedObjects?: readonly SharedObject[];
};

/** No package comes near: 1,000,000 entries are about 150 MB. Guards against a bomb from a remote. */
const MAX_DOCUMENT_BYTES = 256 << 20;

/** As `encodeDocument` writes it. */
export function encodeSegment(segment: Segment): Uint8Array {
  return encodeDocument(documentOf(segment));
}

/** Several segments as one document, for other machines: `[segment, …]`. */
export function encodeSegments(segments: readonly Segment[]): Uint8Array {
  return encodeDocument(segments.map(documentOf));
}

function documentOf(segment: Segment): SegmentDocument {
  const blobIndex = new Map<Digest, number>(segment.blobs.map((blob, index) => [blob, index]));
  const types: string[] = [];
  const paths: string[] = [];
  const modes: number[] = [];
  const uids: number[] = [];
  const gids: number[] = [];
  const sizes: number[] = [];
  const digests: string[] = [];
  const targets: string[] = [];
  const payloads: number[] = [];
  const devices: number[] = [];
  const xattrs: Record<string, Readonly<Record<string, string>>> = {};
  segment.entries.forEach((entry, place) => {
    paths.push(entry.path);
    modes.push(entry.mode);
    uids.push(entry.uid);
    gids.push(entry.gid);
    if (entry.xattrs !== undefined) xattrs[place] = entry.xattrs;
    if (entry.type === "file") {
      sizes.push(entry.size);
      digests.push(hexOf(entry.digest));
      if (entry.payload !== undefined) pushPayload(payloads, entry.payload, blobIndex, entry.path);
      types.push(entry.payload === undefined ? "e" : "f");
    } else if (entry.type === "directory") {
      types.push(entry.isImplied ? "i" : "d");
    } else if (entry.type === "symlink" || entry.type === "hardlink") {
      targets.push(entry.target);
      types.push(entry.type === "symlink" ? "s" : "h");
    } else if (entry.type === "fifo") {
      types.push("p");
    } else {
      devices.push(entry.device.major, entry.device.minor);
      types.push(entry.type === "character" ? "c" : "b");
    }
  });
  const { id, recipe, name, key, mtimeSec, sizeBytes, blobs, sharedObjects } = segment;
  return {
    version: 1,
    ...{ id, recipe, name, key, mtimeSec, sizeBytes, blobs: blobs.map(hexOf) },
    ...{ types: types.join(""), paths, modes, uids, gids, sizes, digests: digests.join("") },
    ...{ targets, payloads, xattrs },
    ...(devices.length > 0 && { devices }),
    ...(sharedObjects && { sharedObjects }),
  };
}

/**
 * @returns the segment that was encoded, or `undefined` if the bytes are damaged, of another version, or of another
 * segment than `id`.
 */
export function decodeSegment(bytes: Uint8Array, id: SegmentId): Segment | undefined {
  return decodeDocument(bytes, MAX_DOCUMENT_BYTES, (document) =>
    segmentFrom(document as SegmentDocument, id),
  );
}

/** What a segment is of, without its entries. */
export type SegmentSummary = Pick<Segment, "blobs"> & Pick<Recipe, "ecosystem" | "source">;

/** As `decodeSegment`, at a fraction of the cost. */
export function decodeSummary(bytes: Uint8Array, id: SegmentId): SegmentSummary | undefined {
  return decodeDocument(bytes, MAX_DOCUMENT_BYTES, (document) => {
    const { version, id: itsId, recipe, blobs } = document as SegmentDocument;
    if (version !== 1 || itsId !== id) return undefined;
    const { ecosystem, source } = recipe;
    return { ecosystem, source, blobs: blobs.map((hex) => parseDigest(`sha256:${hex}`, id)) };
  });
}

/**
 * Segments that came from another machine, each held to its own recipe and to what a path may be; undefined when
 * anything is wrong.
 */
export function decodeSegments(bytes: Uint8Array): Segment[] | undefined {
  return decodeDocument(bytes, MAX_DOCUMENT_BYTES, (documents) => {
    const segments = (documents as readonly SegmentDocument[]).map((document) =>
      segmentFrom(document, segmentId(document.recipe)),
    );
    return segments.every((segment) => segment !== undefined && hasPlainPaths(segment))
      ? (segments as Segment[])
      : undefined;
  });
}

/** As `Entry` has them: relative, without empty parts, `.` and `..`. */
function hasPlainPaths({ entries }: Segment): boolean {
  const isPlain = (path: string) =>
    path !== "" && !path.includes("\0") && path.split("/").every((part) => !["", ".", ".."].includes(part));
  return entries.every(
    (entry) => isPlain(entry.path) && (entry.type !== "hardlink" || isPlain(entry.target)),
  );
}

function segmentFrom(document: SegmentDocument, id: SegmentId): Segment | undefined {
  if (document.version !== 1 || document.id !== id) return undefined;
  const blobs = document.blobs.map((hex) => parseDigest(`sha256:${hex}`, id));
  const { types, paths, modes, uids, gids, sizes, digests, targets, payloads, xattrs } = document;
  const devices = document.devices ?? [];
  const count = types.length;
  if ([paths, modes, uids, gids].some((column) => column.length !== count)) return undefined;
  if (digests.length !== 64 * sizes.length || !/^[0-9a-f]*$/.test(digests)) return undefined;
  const entries: SegmentEntry[] = new Array(count);
  let file = 0;
  let link = 0;
  let payload = 0;
  let device = 0;
  for (let place = 0; place < count; place++) {
    const base = { path: paths[place]!, mode: modes[place]!, uid: uids[place]!, gid: gids[place]! };
    const type = types[place];
    let entry: SegmentEntry;
    if (type === "f" || type === "e") {
      const digest = `sha256:${digests.slice(64 * file, 64 * file + 64)}` as Digest;
      const size = sizes[file++]!;
      entry =
        type === "e"
          ? { ...base, type: "file", size, digest }
          : { ...base, type: "file", size, digest, payload: payloadAt(payloads, 4 * payload++, blobs) };
    } else if (type === "d") {
      entry = { ...base, type: "directory" };
    } else if (type === "i") {
      entry = { ...base, type: "directory", isImplied: true };
    } else if (type === "s" || type === "h") {
      entry = { ...base, type: type === "s" ? "symlink" : "hardlink", target: targets[link++]! };
    } else if (type === "p") {
      entry = { ...base, type: "fifo" };
    } else if (type === "c" || type === "b") {
      const numbers = { major: devices[device++]!, minor: devices[device++]! };
      entry = { ...base, type: type === "c" ? "character" : "block", device: numbers };
    } else {
      return undefined;
    }
    const attributes = xattrs[place];
    entries[place] = attributes === undefined ? entry : { ...entry, xattrs: attributes };
  }
  if (file !== sizes.length || link !== targets.length || 4 * payload !== payloads.length) return undefined;
  if (device !== devices.length) return undefined;
  const { recipe, name, key, mtimeSec, sizeBytes } = document;
  const sharedObjects = document.sharedObjects?.map(sharedObjectFrom);
  return {
    ...{ id, recipe, name, key, mtimeSec, entries, sizeBytes, blobs },
    ...(sharedObjects && { sharedObjects }),
  };
}

/** Held to its form, since it is walked later on, outside of what makes damage a miss. */
function sharedObjectFrom({ path, architecture, soname, needed, runpath }: SharedObject): SharedObject {
  const texts = [path, soname ?? "", ...needed, ...runpath];
  const isKnown = architecture === undefined || architecture === "amd64" || architecture === "arm64";
  if (!isKnown || !texts.every((text) => typeof text === "string")) throw new TypeError("no shared object");
  return {
    path,
    ...(architecture !== undefined && { architecture }),
    ...(soname !== undefined && { soname }),
    ...{ needed: [...needed], runpath: [...runpath] },
  };
}

function pushPayload(payloads: number[], payload: Payload, blobs: Map<Digest, number>, path: string): void {
  const blob = blobs.get(payload.blob);
  if (blob === undefined)
    throw new TypeError(`payload of ${path} points into a blob the segment does not name`);
  payloads.push(blob, payload.offset, payload.length, payload.crc32);
}

function payloadAt(payloads: readonly number[], at: number, blobs: readonly Digest[]): Payload {
  return {
    blob: blobs[payloads[at]!]!,
    offset: payloads[at + 1]!,
    length: payloads[at + 2]!,
    crc32: payloads[at + 3]!,
  };
}
