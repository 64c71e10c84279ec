import type { BuildRecord, RecordedImage } from "../../cache/build-record.ts";
import {
  LISTING_MEDIA_TYPE,
  type RecordArtifact,
  recordArtifact,
  stagesArtifact,
} from "../../cache/record-artifact.ts";
import type {
  RecordedBase,
  RecordedGenerated,
  RecordedLayer,
  RecordedListing,
} from "../../cache/record-parts.ts";
import { uploadRecord } from "../../cache/registry-record.ts";
import {
  type RecordedStages,
  type RecordedStep,
  type StagesRecord,
  saltedKey,
} from "../../cache/stages-record.ts";
import { type CambiumLock, writeCambiumLock } from "../../ecosystems/cambium-lock.ts";
import type { LockedBase } from "../../ecosystems/locked-base.ts";
import { BASE_FILES } from "../../ecosystems/read-base.ts";
import { messageOf } from "../../errors.ts";
import type { Definition } from "../../graph/definition.ts";
import type { BlobSource } from "../../image/image.ts";
import { formatReference, type Reference } from "../../image/reference.ts";
import { type Descriptor, type DiffId, type Digest, digestOf } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { Segment, SegmentId } from "../../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { formatPlatform } from "../../platform.ts";
import { openRepository } from "../../registry/repository.ts";
import type { BaseDocuments } from "../../solve/base-documents.ts";
import { composedListing } from "../../solve/composed-listing.ts";
import { isPlaced } from "../../solve/image-places.ts";
import { lazyLayer } from "../../solve/lazy-layers.ts";
import { isHad, type KnownStep } from "../../solve/steps/step-memory.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { encodeSegments } from "../../store/segment-codec.ts";
import type { Store } from "../../store/store.ts";
import { loadImageSet } from "../../store/stored-image.ts";
import { compositionIds, compositionKey } from "../../store/stored-layer.ts";
import { type ImageRecord, imageRecord } from "../packages/image-record.ts";
import type { ImageResult } from "../results.ts";
import { stagesMemory } from "./stages-memory.ts";

export type RecordPlace = {
  readonly reference: Reference;
  /** Layers that only stages have go along: who has this place sees them. */
  readonly isCache: boolean;
};

/** What was built, for its record. */
export type Built = {
  /** Absent for what was built in stages. */
  readonly definition?: Definition;
  /** Absent for a Dockerfile. */
  readonly lock?: CambiumLock;
  readonly images: readonly ImageResult[];
};

/**
 * Puts the build record beside an image that is being pushed, unless this store knows it to be there: its blobs go with
 * the image's, its manifest after the image's. A registry that refuses it, as one may that takes images only, is a
 * warning: the image is pushed.
 */
export async function publishRecord(
  built: Built,
  root: Descriptor,
  { reference, isCache }: RecordPlace,
  bench: Workbench,
  isPushed: Promise<boolean>,
): Promise<void> {
  const { store, registries, emit, signal } = bench;
  const place = `${reference.registry}/${reference.repository}@${root.digest}${isCache ? " cache" : ""}`;
  const keyOf = (digest: Digest) => (imageRecord(store, digest) ?? stagesMemory(store, digest))?.key;
  const keys = built.images.map(({ digest }) => keyOf(digest)).join(" ");
  if (store.records.get("published", place) === keys) return;
  const blobs = new Map<Digest, BlobSource>();
  const artifact = artifactFor(built, root, isCache, bench, blobs);
  if (artifact === undefined) return;
  try {
    const repository = openRepository(reference, registries, "push");
    const home = `${reference.registry}/${reference.repository}`;
    const known = new Set((store.records.get("record-blobs", home) ?? []) as Digest[]);
    const publish = await uploadRecord(repository, root.digest, artifact, [...blobs.values()], known);
    if (!(await isPushed)) return;
    await publish();
    store.records.put("record-blobs", home, [...blobs.keys()]);
    store.records.put("published", place, keys);
  } catch (error) {
    signal.throwIfAborted();
    const message = `the build record of ${formatReference(reference)} was not pushed: ${messageOf(error)}`;
    emit({ type: "warning", code: "RECORD_UNWRITABLE", message });
  }
}

/** What a record is made with: `blobs` gets those that the artifact names, by their digests. */
type Means = Pick<Workbench, "store" | "imagePlaces"> & { readonly blobs: Map<Digest, BlobSource> };

function artifactFor(
  built: Built,
  root: Descriptor,
  isCache: boolean,
  bench: Workbench,
  blobs: Means["blobs"],
): RecordArtifact | undefined {
  const descriptors = () => [...blobs.values()].map(({ descriptor }) => descriptor);
  const means: Means = { ...bench, blobs };
  if (built.definition === undefined) {
    const record = stagesRecord(built, root.digest, isCache, bench, means);
    return record && stagesArtifact(record, descriptors(), root);
  }
  const record = buildRecord(built, means);
  return record && recordArtifact(record, descriptors(), root);
}

/**
 * Undefined when an image came from a record itself: that is where it was; or when it is not whole.
 * @param isCache layers of stages that are not the image's go along
 */
function stagesRecord(
  { images, lock }: Built,
  root: Digest,
  isCache: boolean,
  bench: Workbench,
  means: Means,
): StagesRecord | undefined {
  const { store, blobs } = means;
  const recorded: RecordedStages[] = [];
  const steps = new Map<Digest, RecordedStep>();
  const layers = new Map<Digest, RecordedLayer>();
  const generated = new Map<Digest, RecordedGenerated>();
  const listings = new Map<DiffId, Descriptor>();
  const told = new Map<Digest, LayerRecord>();
  const pushed = new Set<Digest>();
  for (const image of images) {
    const { digest, platform } = image;
    const memory = stagesMemory(store, digest);
    if (memory === undefined) return undefined;
    recorded.push({
      ...{ platform: formatPlatform(platform), key: saltedKey(root, memory.key), digest },
      ...(lock !== undefined && { result: asKnown(image) }),
    });
    for (const layer of loadImageSet(store, digest)?.images.flatMap((one) => one.layers) ?? []) {
      pushed.add(layer.descriptor.digest);
    }
    for (const { key, result } of memory.steps) {
      const step = recordedStep(saltedKey(root, key), result, means);
      if (step !== undefined) steps.set(step.key, step);
      if (step?.layer !== undefined) told.set(step.layer.descriptor.digest, step.layer);
    }
    for (const layer of memory.layers) {
      const row = recordedLayer(layer, means);
      if (row === undefined) continue;
      layers.set(row.descriptor.digest, row);
      told.set(row.descriptor.digest, row);
      const listing = takesBytes(layer, store) ? layerListing(layer, means) : undefined;
      if (listing !== undefined) listings.set(layer.diffId, listing);
    }
    for (const stack of memory.stacks) {
      const record = imageRecord(store, stack);
      if (record?.isPartial === true) return undefined;
      for (const row of record === undefined ? [] : generatedOf(record, store)) generated.set(row.key, row);
    }
    for (const base of memory.bases) {
      const documents = store.records.get("base", base) as BaseDocuments | undefined;
      for (const { diffId, descriptor } of documents === undefined ? [] : baseListings(documents, means)) {
        listings.set(diffId, descriptor);
      }
    }
  }
  const others = [...told.values()].filter(({ descriptor }) => !pushed.has(descriptor.digest));
  const sent = isCache ? others.filter((layer) => isHad(store, layer)) : [];
  for (const layer of sent) {
    const { descriptor, compressed } = lazyLayer(layer, bench);
    blobs.set(descriptor.digest, { descriptor, bytes: compressed });
  }
  const absent = others.filter((layer) => !sent.includes(layer)).map(({ descriptor }) => descriptor.digest);
  return {
    version: 2,
    layoutVersions: LAYOUT_VERSIONS,
    ...(lock !== undefined && { lock: writeCambiumLock(lock, { urls: true }) }),
    images: recorded,
    // Steps that ran beside one another ended in any order, and so did stages.
    steps: [...steps.values()].sort(by(({ key }) => key)),
    layers: [...layers.values()].sort(by(({ key }) => key)),
    generated: [...generated.values()].sort(by(({ key }) => key)),
    bases: [lock, ...Object.values(lock?.stages ?? {})].flatMap((part) => recordedBases(part?.base, means)),
    listings: [...listings]
      .map(([diffId, descriptor]) => ({ diffId, descriptor }))
      .sort(by(({ diffId }) => diffId)),
    absent: absent.sort(by((digest) => digest)),
  };
}

function by<Row>(key: (row: Row) => string): (a: Row, b: Row) => number {
  return (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0);
}

/** The same, whoever built it. */
function asKnown(image: ImageResult): ImageResult {
  return { ...image, layers: image.layers.map((layer) => ({ ...layer, isReused: true })) };
}

function recordedStep(key: Digest, { layer, content }: KnownStep, means: Means): RecordedStep | undefined {
  if (layer === undefined) return { key };
  const listing = layerListing(layer, means);
  if (listing === undefined || content === undefined) return undefined;
  return { key, layer: { ...plain(layer), content, listing } };
}

/** Undefined for a layer that was not composed here. */
function recordedLayer(layer: LayerRecord, { store, blobs }: Means): RecordedLayer | undefined {
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
function takesBytes(layer: LayerRecord, store: Store): boolean {
  const listing =
    store.listings.get(layer.diffId, BASE_FILES.id) ?? composedListing(store, layer, BASE_FILES);
  return listing !== undefined && listing.contents.size > 0;
}

/** The listing of a layer as a blob; of one that was composed here it is made first. */
function layerListing(layer: LayerRecord, { store, blobs }: Means): Descriptor | undefined {
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

/** Undefined when an image was built before records were kept, whose next change brings one, or is not whole. */
function buildRecord({ definition, lock, images }: Built, means: Means): BuildRecord | undefined {
  const { store, blobs } = means;
  if (definition === undefined || lock === undefined) return undefined;
  const recorded: RecordedImage[] = [];
  for (const image of images) {
    const record = imageRecord(store, image.digest);
    if (record === undefined || record.isPartial === true) return undefined;
    const layers = record.layers.map(({ key, descriptor, diffId, segments }) => {
      const listing = listingBlob(store, descriptor.digest, () => encodedSegments(store, segments));
      if (listing === undefined) return undefined;
      blobs.set(listing.descriptor.digest, listing);
      return { key, descriptor, diffId, listing: listing.descriptor };
    });
    if (!layers.every((layer) => layer !== undefined)) return undefined;
    recorded.push({
      platform: formatPlatform(image.platform),
      ...{ key: record.key, created: record.created, digest: image.digest, result: record.result, layers },
      files: record.files,
      generated: generatedOf(record, store),
    });
  }
  return {
    version: 1,
    layoutVersions: LAYOUT_VERSIONS,
    definition,
    lock: writeCambiumLock(lock, { urls: true }),
    images: recorded,
    bases: recordedBases(lock.base, means),
  };
}

/** Undefined when the store lost one of them. */
function encodedSegments(
  store: Store,
  ids: readonly SegmentId[],
  as: (segment: Segment) => Segment = (segment) => segment,
): Uint8Array | undefined {
  const found = ids.map((id) => store.segments.get(id));
  return found.every((segment) => segment !== undefined) ? encodeSegments(found.map(as)) : undefined;
}

function generatedOf({ generatedKey }: ImageRecord, store: Store): RecordedGenerated[] {
  if (generatedKey === undefined) return [];
  const ids = store.records.get("generated", generatedKey) as RecordedGenerated["ids"] | undefined;
  return ids === undefined ? [] : [{ key: generatedKey, ids }];
}

function recordedBases(base: LockedBase | undefined, means: Means): RecordedBase[] {
  // A folder of this machine is none of others', and what stands in an image's place may be nowhere else.
  if (base === undefined || isPlaced(base.reference, means)) return [];
  return Object.values(base.targets).flatMap(({ digest }): RecordedBase[] => {
    const documents = means.store.records.get("base", digest) as BaseDocuments | undefined;
    if (documents === undefined) return [];
    return [{ digest, reference: base.reference, documents, listings: baseListings(documents, means) }];
  });
}

/** Of the layers that this store has read. */
function baseListings({ layers }: BaseDocuments, means: Means): RecordedListing[] {
  return layers.flatMap((layer) => {
    const descriptor = layerListing(layer, means);
    return descriptor === undefined ? [] : [{ diffId: layer.diffId, descriptor }];
  });
}

/** A listing as a blob of the store, made once: packing one takes longer than asking whether it is there. */
function listingBlob(store: Store, of: string, encode: () => Uint8Array | undefined): BlobSource | undefined {
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
