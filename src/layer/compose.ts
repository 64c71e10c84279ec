import { canonicalJson } from "../canonical-json.ts";
import { CambiumError } from "../errors.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import { type ArrangedSegment, type ArrangedTier, isSame, parentOf } from "./arrange.ts";
import { type Digest, digestOf } from "./digest.ts";
import { CONSTANT_MTIME, comparePaths, type DirectoryEntry, isPlain, plainDirectory } from "./entry.ts";
import { headerMember, MEMBER_OVERHEAD, memberHeader, memberTrailer } from "./gzip.ts";
import type { Payload, SegmentEntry } from "./segment.ts";
import { paddingOf, tarHeader } from "./tar-header.ts";

/** A layer that is known but not made: what stands in it, in order. */
export type LayerPlan = {
  /** Each needed parent once, sorted, with its true metadata. */
  readonly directories: readonly DirectoryEntry[];
  readonly entries: readonly PlannedEntry[];
  /** Of the directories. */
  readonly mtimeSec: number;
  readonly key: Digest;
};

type PlannedEntry = { readonly entry: Exclude<SegmentEntry, DirectoryEntry>; readonly mtimeSec: number };

/** A stretch of a layer: bytes made here, or a gzip member around a payload that is already compressed. */
export type Piece =
  | { readonly kind: "headers"; readonly tar: Uint8Array }
  | { readonly kind: "payload"; readonly path: string; readonly payload: Payload; readonly size: number };

/**
 * Puts segments together as one layer. Of equal duplicates the first stays.
 * The layer's key is the hash of what decides its bytes:
 * `{"directories":[["root",448,0,0,null],…],"layoutVersion":1,"segments":[{"id":"…","mtimeSec":315619200,"omitted":[],"renamed":[]},…]}`
 * where `directories` lists only those that are not 0755 root:root.
 */
export function composeLayer(
  segments: readonly ArrangedSegment[],
  tier: Pick<ArrangedTier, "directories">,
): LayerPlan {
  const directories = new Map<string, DirectoryEntry>();
  const need = (path: string) => {
    for (let at = path; at !== "" && !directories.has(at); at = parentOf(at)) {
      directories.set(at, tier.directories.get(at) ?? plainDirectory(at));
    }
  };
  const seen = new Map<string, SegmentEntry>();
  const entries: PlannedEntry[] = [];
  const add = (entry: PlannedEntry["entry"], mtimeSec: number) => {
    const other = seen.get(entry.path);
    if (other !== undefined) {
      if (isSame(other, entry)) return;
      // `arrange` leaves one entry per path; two that differ would make an image that depends on the unpacker.
      throw new CambiumError("LAYER_DUPLICATE", `layer: two different entries at ${entry.path}`);
    }
    seen.set(entry.path, entry);
    need(parentOf(entry.path));
    entries.push({ entry, mtimeSec });
  };

  for (const { segment, renamed, omitted } of segments) {
    const hardlinks: Exclude<SegmentEntry, DirectoryEntry>[] = [];
    for (const original of segment.entries) {
      if (omitted.has(original.path)) continue;
      const path = renamed.get(original.path) ?? original.path;
      if (original.type === "directory") {
        need(path);
      } else if (original.type === "hardlink") {
        hardlinks.push({ ...original, path, target: renamed.get(original.target) ?? original.target });
      } else {
        add(path === original.path ? original : { ...original, path }, segment.mtimeSec);
      }
    }
    // After the files, since a hard link must find its target (POSIX pax, typeflag 1).
    for (const link of hardlinks) add(link, segment.mtimeSec);
  }

  const sorted = [...directories.values()].sort((a, b) => comparePaths(a.path, b.path));
  const document = {
    layoutVersion: LAYOUT_VERSIONS.layer,
    directories: sorted
      .filter((it) => !isPlain(it))
      .map((it) => [it.path, it.mode, it.uid, it.gid, it.xattrs]),
    segments: segments.map(({ segment, renamed, omitted }) => ({
      id: segment.id,
      mtimeSec: segment.mtimeSec,
      omitted: [...omitted].sort(comparePaths),
      renamed: [...renamed].sort((a, b) => comparePaths(a[0], b[0])),
    })),
  };
  return {
    directories: sorted,
    entries,
    mtimeSec: segments[0]?.segment.mtimeSec ?? CONSTANT_MTIME,
    key: digestOf(canonicalJson(document)),
  };
}

/** The stretches of a layer in order: headers are gathered until a payload interrupts them. */
export function* layerPieces(plan: LayerPlan): Generator<Piece> {
  let pending: Uint8Array[] = plan.directories.map((directory) => tarHeader(directory, plan.mtimeSec));
  for (const { entry, mtimeSec } of plan.entries) {
    pending.push(tarHeader(entry, mtimeSec));
    if (entry.type !== "file" || entry.payload === undefined) continue;
    yield { kind: "headers", tar: Buffer.concat(pending) };
    yield { kind: "payload", path: entry.path, payload: entry.payload, size: entry.size };
    const padding = paddingOf(entry.size);
    pending = padding === 0 ? [] : [new Uint8Array(padding)];
  }
  // Two zero blocks end a tar (POSIX pax, "ustar Interchange Format").
  pending.push(new Uint8Array(1024));
  yield { kind: "headers", tar: Buffer.concat(pending) };
}

/** A stretch of a layer as it is stored: bytes, or a range of a stored blob. */
export type Extent =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "range"; readonly blob: Digest; readonly offset: number; readonly length: number };

/** The gzip'd layer as extents. */
export function* layerExtents(plan: LayerPlan): Generator<Extent> {
  for (const piece of layerPieces(plan)) {
    if (piece.kind === "headers") {
      yield { kind: "bytes", bytes: headerMember(piece.tar) };
    } else {
      yield { kind: "bytes", bytes: memberHeader() };
      yield {
        kind: "range",
        blob: piece.payload.blob,
        offset: piece.payload.offset,
        length: piece.payload.length,
      };
      yield { kind: "bytes", bytes: memberTrailer(piece.payload.crc32, piece.size) };
    }
  }
}

/** Compressed size of one payload in a layer, in bytes. */
export function payloadSize(payload: Payload): number {
  return payload.length + MEMBER_OVERHEAD;
}
