import { type DiffId, type Digest, hexOf } from "../layer/digest.ts";
import type { Recipe, SegmentId } from "../layer/segment.ts";
import type { RecordRow } from "./records.ts";
import type { Holding } from "./retention.ts";
import type { Store } from "./store.ts";

/** What a blob is of. `document`: of an image; `other`: package indices, files of URLs, what nothing speaks of. */
export type BlobUse = Recipe["ecosystem"] | "step" | "base" | "document" | "other";

/** One thing in the store, and how to find it again. */
export type Stored = Holding &
  (
    | { readonly kind: "blob"; readonly digest: Digest; readonly use: BlobUse }
    | { readonly kind: "segment"; readonly id: SegmentId }
    | { readonly kind: "listing"; readonly diffId: DiffId }
    | { readonly kind: "tree"; readonly diffId: DiffId }
    | { readonly kind: "record"; readonly row: Pick<RecordRow, "kind" | "key" | "usedMs"> }
  );

/** An unpacked layer, as the engine lists it; `usedMs` 0: nobody uses it again. */
export type TreeStat = { readonly diffId: DiffId; readonly sizeBytes: number; readonly usedMs: number };

/** Kinds whose records need what they name. What names things only to tell of them holds nothing. */
const HOLDERS = new Set([
  ...["tag", "image", "image-record", "stages-record", "composition", "layer", "generated", "step", "merge"],
  ...["captured", "base", "last-files", "archive", "git", "http", "debian-index", "listing-blob"],
]);
/** What has a life of its own: cache mounts, the store's own sum; and, unless asked for, names that people gave. */
const FOREVER = new Set(["mount", "store-size"]);
const TAG = "tag";
/** How an image was made, with all stages that are not in it. */
const STAGES = "stages-record";
/**
 * Choices of versions and images, which a build is not to make anew because its layers went, and what says why a step was
 * done anew: small, so age alone decides.
 */
const CHOICES = new Set([
  ...["lock", "project-lock", "lock-file", "sources", "dockerfile-base", "stages-built", "last-builds"],
  ...["build-log", "build-elsewhere", "step-key", "bound-from"],
]);
const CHOICE_MS = 90 * 86_400_000;
/** No manifest, index or config that we read is larger. */
const MAX_DOCUMENT_BYTES = 8 << 20;
const NAME = /(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g;

/**
 * Everything in the store that can go, with what needs what. Reads all segments and documents.
 * @param options `withTags`: tags too; else what they name is for the caller to keep
 */
export function survey(
  store: Store,
  options: { readonly trees: Iterable<TreeStat>; readonly now: number; readonly withTags?: boolean },
): Stored[] {
  const { trees, now, withTags = false } = options;
  const rows = store.records.usedSince(0);
  const uses = usesIn(rows);
  const segments = [...store.segments.stats()];
  // A .deb is packed anew, so its segment needs only the pack; a wheel is needed itself.
  for (const { ecosystem, source } of segments) uses.set(hexOf(source), ecosystem);
  for (const { ecosystem, blobs } of segments) for (const blob of blobs) uses.set(hexOf(blob), ecosystem);
  const found: Stored[] = rows
    .filter(({ kind }) => !FOREVER.has(kind) && (withTags || kind !== TAG))
    .map((row) => heldRecord(row, now));
  for (const { id, blobs, sizeBytes, usedMs } of segments) {
    found.push({ kind: "segment", id, names: [id], mentions: blobs.map(hexOf), sizeBytes, usedMs });
  }
  for (const { id, sizeBytes, usedMs } of store.listings.stats()) {
    const diffId = `sha256:${id}` as DiffId;
    found.push({ kind: "listing", diffId, names: [id], mentions: [], sizeBytes, usedMs, isAid: true });
  }
  for (const { diffId, sizeBytes, usedMs } of trees) {
    const names = usedMs === 0 ? [] : [hexOf(diffId)];
    found.push({ kind: "tree", diffId, names, mentions: [], sizeBytes, usedMs, isAid: true });
  }
  for (const { digest, sizeBytes, usedMs } of store.blobs.list()) {
    const name = hexOf(digest);
    const known = uses.get(name);
    const text = known === undefined ? store.blobs.document(digest, MAX_DOCUMENT_BYTES) : undefined;
    const use = known ?? (text === undefined ? "other" : "document");
    const mentions = text === undefined ? [] : namesIn(text);
    found.push({ kind: "blob", digest, use, names: [name], mentions, sizeBytes, usedMs });
  }
  return found;
}

/** Names of what these records need, and of what is known by their keys. */
export function mentionsOf(rows: readonly RecordRow[]): string[] {
  return rows.flatMap(({ kind, key, text }) =>
    HOLDERS.has(kind) ? [...namesIn(key), ...namesIn(text)] : [],
  );
}

function heldRecord({ kind, key, text, usedMs }: RecordRow, now: number): Stored {
  return {
    kind: "record",
    row: { kind, key, usedMs },
    names: namesIn(key),
    mentions: HOLDERS.has(kind) ? namesIn(text) : [],
    sizeBytes: kind.length + key.length + text.length,
    usedMs,
    ...(CHOICES.has(kind) && { staysSinceMs: now - CHOICE_MS }),
    ...(kind === STAGES && { isAid: true }),
  };
}

/** Layers as blobs: those of steps by their records, those of other images by where they can be had. */
function usesIn(rows: readonly RecordRow[]): Map<string, BlobUse> {
  const uses = new Map<string, BlobUse>();
  for (const { kind, key } of rows) {
    if (kind === "origin" || kind === "layout") for (const name of namesIn(key)) uses.set(name, "base");
  }
  for (const { kind, text } of rows) {
    if (kind === "step" || kind === "captured") for (const name of namesIn(text)) uses.set(name, "step");
  }
  return uses;
}

/** Every name in a text: 64 hex digits. */
export function namesIn(text: string): string[] {
  return text.match(NAME) ?? [];
}
