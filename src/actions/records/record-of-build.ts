import type { BuildRecord, RecordedImage } from "../../cache/build-record.ts";
import { type RecordArtifact, recordArtifact, stagesArtifact } from "../../cache/record-artifact.ts";
import type { RecordedGenerated, RecordedLayer } from "../../cache/record-parts.ts";
import {
  type RecordedStages,
  type RecordedStep,
  type StagesRecord,
  saltedKey,
} from "../../cache/stages-record.ts";
import { type CambiumLock, writeCambiumLock } from "../../ecosystems/cambium-lock.ts";
import type { Definition } from "../../graph/definition.ts";
import type { BlobSource } from "../../image/image.ts";
import type { Descriptor, DiffId, Digest } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { formatPlatform } from "../../platform.ts";
import type { BaseDocuments } from "../../solve/base-documents.ts";
import { lazyLayer } from "../../solve/lazy-layers.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { Store } from "../../store/store.ts";
import { loadImageSet } from "../../store/stored-image.ts";
import { buildToTell } from "../explain/elsewhere.ts";
import { imageRecord } from "../packages/image-record.ts";
import type { ImageResult } from "../results.ts";
import {
  baseListings,
  encodedSegments,
  generatedOf,
  layerListing,
  listingBlob,
  type Means,
  recordedBases,
  recordedLayer,
  stepResult,
  takesBytes,
} from "./recorded-parts.ts";
import { stagesMemory } from "./stages-memory.ts";

/** What was built, for its record. */
export type Built = {
  /** Absent for what was built in stages. */
  readonly definition?: Definition;
  /** Absent for a Dockerfile. */
  readonly lock?: CambiumLock;
  readonly images: readonly ImageResult[];
};

/** For whom a record is. */
export type RecordFor = {
  /** Layers of stages that are not the image's go along: who has this place sees them. */
  readonly isCache: boolean;
  /** Whether the place has a layer of the image, or is getting it now. */
  readonly isThere: (layer: LayerRecord) => boolean;
  /** Whether a layer can be brought there without being downloaded for it. */
  readonly isAtHand: (layer: LayerRecord) => boolean;
};

/**
 * The record of a build as an artifact, with the blobs that it names. Undefined when an image came from a record itself, or
 * is not whole.
 * @param root what the tag of the image leads to
 */
export function recordOfBuild(
  built: Built,
  root: Descriptor,
  place: RecordFor,
  bench: Workbench,
): { readonly artifact: RecordArtifact; readonly blobs: ReadonlyMap<Digest, BlobSource> } | undefined {
  const blobs = new Map<Digest, BlobSource>();
  const means: Means = { ...bench, blobs };
  const build = buildToTell(bench, root.digest);
  const told = build === undefined ? {} : { told: build };
  const descriptors = () => [...blobs.values()].map(({ descriptor }) => descriptor);
  if (built.definition === undefined) {
    const record = stagesRecord(built, root.digest, place, bench, means);
    return record && { artifact: stagesArtifact({ ...record, ...told }, descriptors(), root), blobs };
  }
  const record = buildRecord(built, place, means);
  return record && { artifact: recordArtifact({ ...record, ...told }, descriptors(), root), blobs };
}

/** What of a build stands in a record for itself: who told it once need not again. */
export function keysOf({ images }: Built, { store }: Workbench): string {
  const keyOf = (digest: Digest) => (imageRecord(store, digest) ?? stagesMemory(store, digest))?.key;
  return images.map(({ digest }) => keyOf(digest)).join(" ");
}

/** Undefined when an image came from a record itself: that is where it was; or when it is not whole. */
function stagesRecord(
  { images, lock }: Built,
  root: Digest,
  { isCache, isThere, isAtHand }: RecordFor,
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
    for (const layer of layersOf(image, store)) {
      told.set(layer.descriptor.digest, layer);
      if (isThere(layer)) pushed.add(layer.descriptor.digest);
    }
    for (const { key, result } of memory.steps) {
      const known = stepResult(result, means);
      const its = saltedKey(root, key);
      if (known !== undefined) steps.set(its, { key: its, ...known });
      if (known?.layer !== undefined) told.set(known.layer.descriptor.digest, known.layer);
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
  const sent = isCache ? others.filter(isAtHand) : [];
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

function layersOf({ digest }: ImageResult, store: Store): LayerRecord[] {
  return loadImageSet(store, digest)?.images.flatMap(({ layers }) => layers) ?? [];
}

/** The same, whoever built it. */
function asKnown(image: ImageResult): ImageResult {
  return { ...image, layers: image.layers.map((layer) => ({ ...layer, isReused: true })) };
}

/** Undefined when an image was built before records were kept, whose next change brings one, or is not whole. */
function buildRecord(
  { definition, lock, images }: Built,
  { isThere }: RecordFor,
  means: Means,
): BuildRecord | undefined {
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
  const absent = images.flatMap((image) => layersOf(image, store)).filter((layer) => !isThere(layer));
  return {
    version: 2,
    layoutVersions: LAYOUT_VERSIONS,
    definition,
    lock: writeCambiumLock(lock, { urls: true }),
    images: recorded,
    bases: recordedBases(lock.base, means),
    absent: [...new Set(absent.map(({ descriptor }) => descriptor.digest))].sort(),
  };
}
