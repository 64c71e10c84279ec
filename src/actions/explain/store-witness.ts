import { BASE_FILES } from "../../ecosystems/read-base.ts";
import type { ListedPath, Listing } from "../../explain/compare-listings.ts";
import type { KeyDocument } from "../../explain/documents.ts";
import type { Bound, Witness } from "../../explain/evidence.ts";
import type { LoggedBuild } from "../../explain/logged-build.ts";
import { type DiffId, isDigest } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { ListedEntry } from "../../layer/listing.ts";
import type { SegmentEntry, SegmentId } from "../../layer/segment.ts";
import { composedListing } from "../../solve/composed-listing.ts";
import type { Store } from "../../store/store.ts";
import { DOCUMENT_KIND } from "./kept-builds.ts";

/**
 * A build of this machine, with what its store still knows.
 * @param own documents that are not kept, as those of a plan
 */
export function storeWitness(
  build: LoggedBuild,
  store: Store,
  own: ReadonlyMap<string, () => KeyDocument> = new Map(),
): Witness {
  const { records } = store;
  return {
    build,
    document: (key) => own.get(key)?.() ?? (records.get(DOCUMENT_KIND, key) as KeyDocument | undefined),
    listing: (content) => listingIn(store, content),
    bound: (content) => records.get("bound-from", content) as Bound | undefined,
  };
}

/** @param content a segment's id, what was captured of a step, or a layer's diff id: see `ContentIds` */
function listingIn(store: Store, content: string): Listing | undefined {
  if (!isDigest(content)) {
    return store.segments.get(content as SegmentId)?.entries.map(listed);
  }
  const layer = store.records.get("captured", content) as LayerRecord | undefined;
  const diffId = layer?.diffId ?? (content as string as DiffId);
  const known =
    store.listings.get(diffId, BASE_FILES.id) ??
    (layer === undefined ? undefined : composedListing(store, layer, BASE_FILES));
  if (known === undefined) return undefined;
  const gone = known.whiteouts.map((path) => ({ path, type: "deletion", mode: 0, uid: 0, gid: 0 }));
  return [...known.entries.map(listed), ...gone];
}

function listed(entry: SegmentEntry | ListedEntry): ListedPath {
  const { path, type, mode, uid, gid } = entry;
  const content = contentOf(entry);
  return { path, type, mode, uid, gid, ...(content !== undefined && { content }) };
}

function contentOf(entry: SegmentEntry | ListedEntry): string | undefined {
  switch (entry.type) {
    case "file":
      return entry.digest;
    case "symlink":
    case "hardlink":
      return entry.target;
    case "character":
    case "block":
      return `${entry.device.major}:${entry.device.minor}`;
    case "directory":
    case "fifo":
      return undefined;
  }
}
