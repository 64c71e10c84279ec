import { type Found, readSmallBlob, warnOfRecord } from "../../cache/read-record.ts";
import type {
  RecordedBase,
  RecordedGenerated,
  RecordedLayer,
  RecordedListing,
} from "../../cache/record-parts.ts";
import type { Remote } from "../../cache/remote.ts";
import { canonicalJson } from "../../canonical-json.ts";
import { type CambiumLock, readCambiumLock } from "../../ecosystems/cambium-lock.ts";
import { BASE_FILES } from "../../ecosystems/read-base.ts";
import { messageOf } from "../../errors.ts";
import { createGate } from "../../fetch/gate.ts";
import { manifestSchema } from "../../image/documents.ts";
import type { Image } from "../../image/image.ts";
import { parseReference } from "../../image/reference.ts";
import type { Descriptor, Digest } from "../../layer/digest.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { noteCached } from "../../solve/cached-places.ts";
import { noteOrigin } from "../../solve/lazy-layers.ts";
import { step, type Workbench } from "../../solve/workbench.ts";
import { decodeSegments } from "../../store/segment-codec.ts";
import type { Store } from "../../store/store.ts";
import { loadImageSet } from "../../store/stored-image.ts";
import { rememberLayer } from "../../store/stored-layer.ts";

const CONCURRENCY = 8;

/** What a record tells of layers and what they are made of. */
export type RecordParts = {
  readonly layers: readonly RecordedLayer[];
  readonly generated: readonly RecordedGenerated[];
  readonly bases: readonly RecordedBase[];
  readonly listings: readonly RecordedListing[];
  /** Layers that the place of the record does not have. */
  readonly absent: ReadonlySet<Digest>;
};

/** Records that can be used here: of the same layout versions. */
export function usableRecords<Kind extends { readonly layoutVersions: object }>(
  found: readonly Found<Kind>[],
  bench: Pick<Workbench, "emit">,
): Found<Kind>[] {
  return found.filter(({ record, remote }) => {
    // Other layout versions give other bytes for the same input: nothing of such a record is true here.
    if (canonicalJson(record.layoutVersions) === canonicalJson(LAYOUT_VERSIONS)) return true;
    warnOfRecord(remote, "it is of a Cambium whose layers are laid out otherwise", bench.emit);
    return false;
  });
}

/** The lock of a record; undefined, with a warning, for a text that is none. */
export function readRecordedLock(text: string, remote: Remote, { emit }: Workbench): CambiumLock | undefined {
  try {
    return readCambiumLock(text, "build record");
  } catch (error) {
    warnOfRecord(remote, messageOf(error), emit);
    return undefined;
  }
}

/** Whatever fails, a build can do without the record. */
export async function adopting<T>(
  remote: Remote,
  bench: Workbench,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    bench.signal.throwIfAborted();
    warnOfRecord(remote, messageOf(error), bench.emit);
    return undefined;
  }
}

/** Takes over the documents of an image, and where its layers are. Undefined: it is not there any more. */
export async function adoptImage(
  digest: Digest,
  absent: ReadonlySet<Digest>,
  remote: Remote,
  { store }: Workbench,
): Promise<Image | undefined> {
  const manifest = await remote.manifest(digest);
  if (manifest === undefined) return undefined;
  const { config, layers } = manifestSchema.parse(JSON.parse(Buffer.from(manifest.bytes).toString("utf8")));
  if (!store.blobs.has(config.digest)) store.blobs.put(await readSmallBlob(remote, config));
  store.records.transaction(() => {
    for (const layer of layers) if (!absent.has(layer.digest)) noteCached(store, layer.digest, remote.place);
  });
  store.blobs.put(manifest.bytes);
  return loadImageSet(store, digest)?.images[0];
}

/**
 * Takes over what is known of layers, packages and bases, so that only what changed needs bytes.
 * @throws CambiumError as `Repository`; Error for a listing that is none.
 */
export async function adoptParts(parts: RecordParts, remote: Remote, bench: Workbench): Promise<void> {
  const { store } = bench;
  const { layers, generated, bases, absent } = parts;
  const isNothing = layers.length + bases.length + parts.listings.length === 0;
  if (isNothing) return;
  await step(bench, `record of ${remote.name}`, async () => {
    const fetched = listingReader(remote, bench);
    const work = layers.map(async ({ key, descriptor, diffId, listing }) => {
      const segments = decodeSegments(await fetched(listing));
      if (segments === undefined) throw new Error(`damaged listing ${listing.digest}`);
      for (const segment of segments) if (!store.segments.has(segment.id)) store.segments.put(segment);
      if (!absent.has(descriptor.digest)) noteCached(store, descriptor.digest, remote.place);
      rememberLayer(store, key, { descriptor, diffId });
    });
    const listings = [...parts.listings, ...bases.flatMap((base) => base.listings)];
    work.push(...listings.map((listing) => adoptListing(listing, fetched, store)));
    noteBases(bases, store);
    await Promise.all(work);
    for (const { key, ids } of generated) store.records.put("generated", key, ids);
    return { value: undefined, outcome: "hit", detail: `${layers.length} layers known` };
  });
}

/** Documents of images that packages stand on, and where their layers are. */
export function noteBases(bases: RecordParts["bases"], store: Store): void {
  for (const { digest, documents, reference } of bases) {
    const origin = parseReference(reference, "build record");
    for (const layer of baseLayers(documents)) noteOrigin(store, layer, origin);
    store.records.put("base", digest, documents);
  }
}

function baseLayers(documents: unknown): Digest[] {
  const { layers } = documents as { readonly layers: readonly { readonly descriptor: Descriptor }[] };
  return layers.map(({ descriptor }) => descriptor.digest);
}

/** @throws Error for one that is damaged or of another layer. */
export async function adoptListing(
  { diffId, descriptor }: RecordedListing,
  read: (blob: Descriptor) => Promise<Uint8Array>,
  store: Store,
): Promise<void> {
  if (store.listings.get(diffId, BASE_FILES.id) !== undefined) return;
  if (store.listings.adopt(await read(descriptor), diffId, BASE_FILES.id)) return;
  throw new Error(`damaged listing ${descriptor.digest}`);
}

/** Reads listing blobs, each once, and keeps them, so that the next push need not make them again. */
export function listingReader(
  remote: Remote,
  { store }: Workbench,
): (blob: Descriptor) => Promise<Uint8Array> {
  const gate = createGate(CONCURRENCY);
  const seen = new Map<Digest, Promise<Uint8Array>>();
  const read = async (blob: Descriptor) => {
    if (!store.blobs.has(blob.digest)) {
      const bytes = await readSmallBlob(remote, blob);
      store.blobs.put(bytes);
      return bytes;
    }
    const bytes = new Uint8Array(blob.size);
    store.blobs.read(blob.digest, 0, bytes);
    return bytes;
  };
  return (blob) => {
    const known = seen.get(blob.digest) ?? gate(() => read(blob));
    seen.set(blob.digest, known);
    return known;
  };
}
