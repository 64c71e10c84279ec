import type { BuildRecord, RecordedBase, RecordedImage } from "../cache/build-record.ts";
import { LISTING_MEDIA_TYPE, recordArtifact } from "../cache/record-artifact.ts";
import { uploadRecord } from "../cache/registry-record.ts";
import { type CambiumLock, writeCambiumLock } from "../ecosystems/cambium-lock.ts";
import { BASE_FILES } from "../ecosystems/read-base.ts";
import { messageOf } from "../errors.ts";
import type { Definition } from "../graph/definition.ts";
import type { BlobSource } from "../image/image.ts";
import { formatReference, type Reference } from "../image/reference.ts";
import { type Descriptor, type Digest, digestOf } from "../layer/digest.ts";
import type { SegmentId } from "../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import { formatPlatform } from "../platform.ts";
import { openRepository } from "../registry/repository.ts";
import type { BaseDocuments } from "../solve/base-documents.ts";
import type { Workbench } from "../solve/workbench.ts";
import { encodeSegments } from "../store/segment-codec.ts";
import type { Store } from "../store/store.ts";
import { type ImageRecord, imageRecord } from "./image-record.ts";
import type { ImageResult } from "./results.ts";

/** What was built, for its record. */
export type Built = {
  /** Absent for what has no record: a Dockerfile. */
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
  const keys = built.images.map(({ digest }) => imageRecord(store, digest)?.key).join(" ");
  if (store.records.get("published", place) === keys) return;
  const listings = new Map<Digest, BlobSource>();
  const record = buildRecord(built, store, listings);
  if (record === undefined) return;
  const descriptors = [...listings.values()].map(({ descriptor }) => descriptor);
  const artifact = recordArtifact(record, descriptors, root);
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
    const blobs = documents.layers.flatMap(({ diffId, descriptor }) => {
      const encode = () => store.listings.bytes(diffId, BASE_FILES.id);
      const listing = listingBlob(store, `base ${descriptor.digest}`, encode);
      if (listing === undefined) return [];
      listings.set(listing.descriptor.digest, listing);
      return [{ diffId, descriptor: listing.descriptor }];
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
