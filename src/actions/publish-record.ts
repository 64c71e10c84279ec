import type { BuildRecord, RecordedBase, RecordedImage } from "../cache/build-record.ts";
import {
  LISTING_MEDIA_TYPE,
  type RecordArtifact,
  recordArtifact,
  stagesArtifact,
} from "../cache/record-artifact.ts";
import { uploadRecord } from "../cache/registry-record.ts";
import {
  type RecordedStages,
  type RecordedStep,
  type StagesRecord,
  saltedKey,
} from "../cache/stages-record.ts";
import { type CambiumLock, writeCambiumLock } from "../ecosystems/cambium-lock.ts";
import { BASE_FILES } from "../ecosystems/read-base.ts";
import { messageOf } from "../errors.ts";
import type { Definition } from "../graph/definition.ts";
import type { BlobSource, Image } from "../image/image.ts";
import { formatReference, type Reference } from "../image/reference.ts";
import { type Descriptor, type DiffId, type Digest, digestOf } from "../layer/digest.ts";
import type { LayerRecord } from "../layer/layer.ts";
import type { SegmentId } from "../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import { formatPlatform } from "../platform.ts";
import { openRepository } from "../registry/repository.ts";
import type { BaseDocuments } from "../solve/base-documents.ts";
import { composedListing } from "../solve/composed-listing.ts";
import type { KnownStep } from "../solve/steps/step-memory.ts";
import type { Workbench } from "../solve/workbench.ts";
import { encodeSegments } from "../store/segment-codec.ts";
import type { Store } from "../store/store.ts";
import { loadImageSet } from "../store/stored-image.ts";
import { type ImageRecord, imageRecord } from "./image-record.ts";
import type { ImageResult } from "./results.ts";
import { stagesMemory } from "./stages-memory.ts";

/** What was built, for its record. */
export type Built = {
  /** Absent for what was built in stages. */
  readonly definition?: Definition;
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
  reference: Reference,
  bench: Workbench,
  isPushed: Promise<boolean>,
): Promise<void> {
  const { store, registries, emit, signal } = bench;
  const place = `${reference.registry}/${reference.repository}@${root.digest}`;
  const keyOf = (digest: Digest) => (imageRecord(store, digest) ?? stagesMemory(store, digest))?.key;
  const keys = built.images.map(({ digest }) => keyOf(digest)).join(" ");
  if (store.records.get("published", place) === keys) return;
  const listings = new Map<Digest, BlobSource>();
  const artifact = artifactFor(built, root, store, listings);
  if (artifact === undefined) return;
  try {
    const repository = openRepository(reference, registries, "push");
    const home = `${reference.registry}/${reference.repository}`;
    const known = new Set((store.records.get("record-blobs", home) ?? []) as Digest[]);
    const publish = await uploadRecord(repository, root.digest, artifact, [...listings.values()], known);
    if (!(await isPushed)) return;
    await publish();
    store.records.put("record-blobs", home, [...listings.keys()]);
    store.records.put("published", place, keys);
  } catch (error) {
    signal.throwIfAborted();
    const message = `the build record of ${formatReference(reference)} was not pushed: ${messageOf(error)}`;
    emit({ type: "warning", code: "RECORD_UNWRITABLE", message });
  }
}

/** @param listings gets the blobs that the artifact names */
function artifactFor(
  built: Built,
  root: Descriptor,
  store: Store,
  listings: Map<Digest, BlobSource>,
): RecordArtifact | undefined {
  const descriptors = () => [...listings.values()].map(({ descriptor }) => descriptor);
  if (built.definition === undefined) {
    const record = stagesRecord(built.images, root.digest, store, listings);
    return record && stagesArtifact(record, descriptors(), root);
  }
  const record = buildRecord(built, store, listings);
  return record && recordArtifact(record, descriptors(), root);
}

/** Undefined when an image came from a record itself: that is where it was. */
function stagesRecord(
  images: readonly ImageResult[],
  root: Digest,
  store: Store,
  listings: Map<Digest, BlobSource>,
): StagesRecord | undefined {
  const recorded: RecordedStages[] = [];
  const steps = new Map<Digest, RecordedStep>();
  const below = new Map<DiffId, Descriptor>();
  for (const { digest, platform } of images) {
    const memory = stagesMemory(store, digest);
    if (memory === undefined) return undefined;
    recorded.push({ platform: formatPlatform(platform), key: saltedKey(root, memory.key), digest });
    const pushed = new Set(loadImageSet(store, digest)?.images.flatMap(layerDigests));
    for (const { key, result } of memory.steps) {
      // Layers of other stages are not in the image, and so nowhere to be had.
      if (result.layer !== undefined && !pushed.has(result.layer.descriptor.digest)) continue;
      const step = recordedStep(saltedKey(root, key), result, store, listings);
      if (step !== undefined) steps.set(step.key, step);
    }
    for (const base of memory.bases) {
      const documents = store.records.get("base", base) as BaseDocuments | undefined;
      for (const layer of documents?.layers ?? []) {
        const listing = layerListing(layer, store, listings);
        if (listing !== undefined) below.set(layer.diffId, listing);
      }
    }
  }
  const byKey = (a: RecordedStep, b: RecordedStep) => (a.key < b.key ? -1 : 1);
  return {
    version: 1,
    layoutVersions: LAYOUT_VERSIONS,
    images: recorded,
    // Steps that ran beside one another ended in any order.
    steps: [...steps.values()].sort(byKey),
    listings: [...below].map(([diffId, descriptor]) => ({ diffId, descriptor })),
  };
}

function layerDigests({ layers }: Image): Digest[] {
  return layers.map(({ descriptor }) => descriptor.digest);
}

function recordedStep(
  key: Digest,
  { layer, content }: KnownStep,
  store: Store,
  listings: Map<Digest, BlobSource>,
): RecordedStep | undefined {
  if (layer === undefined) return { key };
  const listing = layerListing(layer, store, listings);
  if (listing === undefined || content === undefined) return undefined;
  const { mediaType, digest, size } = layer.descriptor;
  return { key, layer: { descriptor: { mediaType, digest, size }, diffId: layer.diffId, content, listing } };
}

/** The listing of a layer as a blob; of one that was composed here it is made first. */
function layerListing(
  layer: LayerRecord,
  store: Store,
  listings: Map<Digest, BlobSource>,
): Descriptor | undefined {
  const { diffId, descriptor } = layer;
  const encode = () => {
    const known = store.listings.bytes(diffId, BASE_FILES.id);
    const composed = known === undefined ? composedListing(store, layer, BASE_FILES) : undefined;
    if (composed !== undefined) store.listings.put(composed);
    return known ?? store.listings.bytes(diffId, BASE_FILES.id);
  };
  const listing = listingBlob(store, `base ${descriptor.digest}`, encode);
  if (listing !== undefined) listings.set(listing.descriptor.digest, listing);
  return listing?.descriptor;
}

/** Undefined when an image was built before records were kept, whose next change brings one, or is not whole. */
function buildRecord(
  { definition, lock, images }: Built,
  store: Store,
  listings: Map<Digest, BlobSource>,
): BuildRecord | undefined {
  if (definition === undefined || lock === undefined) return undefined;
  const recorded: RecordedImage[] = [];
  for (const image of images) {
    const record = imageRecord(store, image.digest);
    if (record === undefined || record.isPartial === true) return undefined;
    const layers = record.layers.map(({ key, descriptor, diffId, segments }) => {
      const listing = listingBlob(store, descriptor.digest, () => encodedSegments(store, segments));
      if (listing === undefined) return undefined;
      listings.set(listing.descriptor.digest, listing);
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
    bases: recordedBases(lock, store, listings),
  };
}

/** Undefined when the store lost one of them. */
function encodedSegments(store: Store, ids: readonly SegmentId[]): Uint8Array | undefined {
  const found = ids.map((id) => store.segments.get(id));
  return found.every((segment) => segment !== undefined) ? encodeSegments(found) : undefined;
}

function generatedOf({ generatedKey }: ImageRecord, store: Store): RecordedImage["generated"] {
  if (generatedKey === undefined) return [];
  const ids = store.records.get("generated", generatedKey);
  return ids === undefined ? [] : [{ key: generatedKey, ids } as RecordedImage["generated"][number]];
}

function recordedBases(
  { base }: CambiumLock,
  store: Store,
  listings: Map<Digest, BlobSource>,
): RecordedBase[] {
  if (base === undefined) return [];
  return Object.values(base.targets).flatMap(({ digest }): RecordedBase[] => {
    const documents = store.records.get("base", digest) as BaseDocuments | undefined;
    if (documents === undefined) return [];
    const blobs = documents.layers.flatMap((layer) => {
      const listing = layerListing(layer, store, listings);
      return listing === undefined ? [] : [{ diffId: layer.diffId, descriptor: listing }];
    });
    return [{ digest, reference: base.reference, documents, listings: blobs }];
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
