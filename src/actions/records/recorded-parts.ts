import type { PackagesEntry } from "../../cache/entry.ts";
import { LISTING_MEDIA_TYPE } from "../../cache/record-artifact.ts";
import type {
  RecordedBase,
  RecordedGenerated,
  RecordedLayer,
  RecordedListing,
  RecordedResult,
} from "../../cache/record-parts.ts";
import type { LockedBase } from "../../ecosystems/locked-base.ts";
import { BASE_FILES } from "../../ecosystems/read-base.ts";
import type { BlobSource } from "../../image/image.ts";
import { type Descriptor, type Digest, digestOf } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { Segment, SegmentId } from "../../layer/segment.ts";
import type { BaseDocuments } from "../../solve/base-documents.ts";
import { composedListing } from "../../solve/composed-listing.ts";
import { isPlaced } from "../../solve/image-places.ts";
import type { KnownStep } from "../../solve/steps/step-memory.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { encodeSegments } from "../../store/segment-codec.ts";
import type { Store } from "../../store/store.ts";
import { compositionIds, compositionKey } from "../../store/stored-layer.ts";
import { type ImageRecord, imageRecord } from "../packages/image-record.ts";

/** What a record is made with: `blobs` gets those that the artifact names, by their digests. */
export type Means = Pick<Workbench, "store" | "imagePlaces"> & { readonly blobs: Map<Digest, BlobSource> };

/** What a RUN left; undefined where the listing of its layer is lost. */
export function stepResult(
  { layer, content, made: { atMs, tookMs } = {} }: KnownStep,
  means: Means,
): RecordedResult | undefined {
  const facts = atMs === undefined || tookMs === undefined ? {} : { made: { atMs, tookMs } };
  if (layer === undefined) return facts;
  const listing = layerListing(layer, means);
  if (listing === undefined || content === undefined) return undefined;
  return { ...facts, layer: { ...plain(layer), content, listing } };
}

/** The packages of a stage by themselves; undefined where they are not whole. @param digest of their manifest */
export function packagesEntry(
  digest: Digest,
  base: LockedBase | undefined,
  layers: readonly LayerRecord[],
  isThere: (layer: LayerRecord) => boolean,
  means: Means,
): PackagesEntry | undefined {
  const record = imageRecord(means.store, digest);
  if (record === undefined || record.isPartial === true) return undefined;
  const rows = layers.flatMap((layer) => recordedLayer(layer, means) ?? []);
  const listings = layers.flatMap((layer) => {
    const listing = takesBytes(layer, means.store) ? layerListing(layer, means) : undefined;
    return listing === undefined ? [] : [{ diffId: layer.diffId, descriptor: listing }];
  });
  return {
    kind: "packages",
    ...{ layers: rows, listings, generated: generatedOf(record, means.store) },
    bases: recordedBases(base, means),
    absent: layers.filter((layer) => !isThere(layer)).map(({ descriptor }) => descriptor.digest),
  };
}

/** Undefined for a layer that was not composed here. */
export function recordedLayer(layer: LayerRecord, { store, blobs }: Means): RecordedLayer | undefined {
  const { digest } = layer.descriptor;
  const key = compositionKey(store, digest);
  const ids = compositionIds(store, digest);
  if (key === undefined || ids === undefined) return undefined;
  const listing = listingBlob(store, `stage ${digest}`, () => encodedSegments(store, ids, unnamed));
  if (listing === undefined) return undefined;
  blobs.set(listing.descriptor.digest, listing);
  return { key, ...plain(layer), listing: listing.descriptor };
}

/** What a COPY is called has the values of build arguments in it; nobody reads it there. */
function unnamed(segment: Segment): Segment {
  return segment.recipe.ecosystem === "files" ? { ...segment, name: "files" } : segment;
}

function plain({ descriptor: { mediaType, digest, size }, diffId }: LayerRecord): LayerRecord {
  return { descriptor: { mediaType, digest, size }, diffId };
}

/** Whether files of the layer are in its listing that cannot be had from its segments' listings. */
export function takesBytes(layer: LayerRecord, store: Store): boolean {
  const listing =
    store.listings.get(layer.diffId, BASE_FILES.id) ?? composedListing(store, layer, BASE_FILES);
  return listing !== undefined && listing.contents.size > 0;
}

/** The listing of a layer as a blob; of one that was composed here it is made first. */
export function layerListing(layer: LayerRecord, { store, blobs }: Means): Descriptor | undefined {
  const { diffId, descriptor } = layer;
  const encode = () => {
    const known = store.listings.bytes(diffId, BASE_FILES.id);
    const composed = known === undefined ? composedListing(store, layer, BASE_FILES) : undefined;
    if (composed !== undefined) store.listings.put(composed);
    return known ?? store.listings.bytes(diffId, BASE_FILES.id);
  };
  const listing = listingBlob(store, `base ${descriptor.digest}`, encode);
  if (listing !== undefined) blobs.set(listing.descriptor.digest, listing);
  return listing?.descriptor;
}

/** Undefined when the store lost one of them. */
export function encodedSegments(
  store: Store,
  ids: readonly SegmentId[],
  as: (segment: Segment) => Segment = (segment) => segment,
): Uint8Array | undefined {
  const found = ids.map((id) => store.segments.get(id));
  return found.every((segment) => segment !== undefined) ? encodeSegments(found.map(as)) : undefined;
}

export function generatedOf({ generatedKey }: ImageRecord, store: Store): RecordedGenerated[] {
  if (generatedKey === undefined) return [];
  const ids = store.records.get("generated", generatedKey) as RecordedGenerated["ids"] | undefined;
  return ids === undefined ? [] : [{ key: generatedKey, ids }];
}

export function recordedBases(base: LockedBase | undefined, means: Means): RecordedBase[] {
  // A folder of this machine is none of others', and what stands in an image's place may be nowhere else.
  if (base === undefined || isPlaced(base.reference, means)) return [];
  return Object.values(base.targets).flatMap(({ digest }): RecordedBase[] => {
    const documents = means.store.records.get("base", digest) as BaseDocuments | undefined;
    if (documents === undefined) return [];
    return [{ digest, reference: base.reference, documents, listings: baseListings(documents, means) }];
  });
}

/** Of the layers that this store has read. */
export function baseListings({ layers }: BaseDocuments, means: Means): RecordedListing[] {
  return layers.flatMap((layer) => {
    const descriptor = layerListing(layer, means);
    return descriptor === undefined ? [] : [{ diffId: layer.diffId, descriptor }];
  });
}

/** A listing as a blob of the store, made once: packing one takes longer than asking whether it is there. */
export function listingBlob(
  store: Store,
  of: string,
  encode: () => Uint8Array | undefined,
): BlobSource | undefined {
  const known = store.records.get("listing-blob", of) as Descriptor | undefined;
  if (known !== undefined && store.blobs.has(known.digest)) return source(store, known);
  const bytes = encode();
  if (bytes === undefined) return undefined;
  const descriptor = { mediaType: LISTING_MEDIA_TYPE, digest: digestOf(bytes), size: bytes.byteLength };
  store.blobs.put(bytes);
  store.records.put("listing-blob", of, descriptor);
  return source(store, descriptor);
}

function source(store: Store, descriptor: Descriptor): BlobSource {
  return { descriptor, bytes: () => store.blobs.stream(descriptor.digest) };
}
