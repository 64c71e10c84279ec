import type { BuildRecord, RecordedImage } from "../cache/build-record.ts";
import { type FoundRecord, readRecord, readSmallBlob } from "../cache/registry-record.ts";
import { canonicalJson } from "../canonical-json.ts";
import { type CambiumLock, readCambiumLock } from "../ecosystems/cambium-lock.ts";
import { BASE_FILES } from "../ecosystems/read-base.ts";
import { CambiumError, messageOf } from "../errors.ts";
import { createGate } from "../fetch/gate.ts";
import { manifestSchema } from "../image/documents.ts";
import { formatReference, parseReference, type Reference } from "../image/reference.ts";
import type { Descriptor, Digest } from "../layer/digest.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import { openRepository, type Repository } from "../registry/repository.ts";
import { noteOrigin } from "../solve/lazy-layers.ts";
import { step, type Workbench } from "../solve/workbench.ts";
import { decodeSegments } from "../store/segment-codec.ts";
import { rememberLayer } from "../store/stored-layer.ts";

const CONCURRENCY = 8;

/** What an earlier build, perhaps on another machine, left in a registry. Read when first asked for, and once. */
export type RecordedBuild = {
  lock(): Promise<CambiumLock | undefined>;
  /** Takes over the image of this key, if the record has it: its documents, not its layers. */
  adoptImage(key: Digest): Promise<void>;
  /** Takes over what is known of layers, packages and base, so that only what changed needs bytes. */
  adoptListings(): Promise<void>;
};

/** What an earlier build left beside one image, for who must have it. */
export type OpenedRecord = RecordedBuild & { readonly record: BuildRecord };

/** @throws CambiumError `RECORD_UNKNOWN` where there is none that can be used here. */
export async function openRecord(reference: Reference, bench: Workbench): Promise<OpenedRecord> {
  const found = await firstRecord([reference], bench);
  if (found === undefined) {
    throw new CambiumError(
      "RECORD_UNKNOWN",
      `${formatReference(reference)}: no build record of this version of Cambium`,
      {
        hint: "It comes with cambium build --push; images that others built have none.",
      },
    );
  }
  return { ...recordedBuild([reference], bench, found), record: found.record };
}

/** Of the first of these images that has a usable record. */
export function recordedBuild(
  references: readonly Reference[],
  bench: Workbench,
  known?: FoundRecord,
): RecordedBuild {
  let found: Promise<FoundRecord | undefined> | undefined = known && Promise.resolve(known);
  let listings: Promise<void> | undefined;
  const find = () => (found ??= firstRecord(references, bench));
  return {
    lock: async () => {
      const it = await find();
      return it && readLock(it.record, it.repository, bench);
    },
    adoptImage: async (key) => {
      const it = await find();
      const image = it?.record.images.find((one) => one.key === key);
      if (it !== undefined && image !== undefined)
        await adopting(it, bench, () => adoptImage(it, image, bench));
    },
    adoptListings: () =>
      (listings ??= find().then(async (it) => {
        if (it !== undefined) await adopting(it, bench, () => adoptListings(it, bench));
      })),
  };
}

/** Of the first of these images that has a usable one. */
async function firstRecord(
  references: readonly Reference[],
  bench: Workbench,
): Promise<FoundRecord | undefined> {
  for (const reference of references) {
    const found = await readRecord(reference, bench.registries, bench.emit);
    if (found === undefined) continue;
    // Other layout versions give other bytes for the same input: nothing of such a record is true here.
    if (canonicalJson(found.record.layoutVersions) === canonicalJson(LAYOUT_VERSIONS)) return found;
    warn(reference, "it is of a Cambium whose layers are laid out otherwise", bench);
  }
  return undefined;
}

/** Whatever fails, a build can do without the record. */
async function adopting(found: FoundRecord, bench: Workbench, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    bench.signal.throwIfAborted();
    warn(found.repository, messageOf(error), bench);
  }
}

function warn(reference: Reference, problem: string, { emit }: Workbench): void {
  const message = `the build record of ${formatReference(reference)} is not used: ${problem}`;
  emit({ type: "warning", code: "RECORD_UNREADABLE", message });
}

function readLock(record: BuildRecord, reference: Reference, bench: Workbench): CambiumLock | undefined {
  try {
    return readCambiumLock(record.lock, "build record");
  } catch (error) {
    warn(reference, messageOf(error), bench);
    return undefined;
  }
}

async function adoptImage(
  { repository: reference }: FoundRecord,
  image: RecordedImage,
  { store, registries }: Workbench,
): Promise<void> {
  const repository = openRepository(reference, registries);
  const manifest = await repository.manifest(image.digest);
  if (manifest === undefined) return;
  const { config, layers } = manifestSchema.parse(JSON.parse(Buffer.from(manifest.bytes).toString("utf8")));
  if (!store.blobs.has(config.digest)) store.blobs.put(await readSmallBlob(repository, config));
  for (const { digest } of layers) noteOrigin(store, digest, reference);
  store.blobs.put(manifest.bytes);
  store.records.put("image", image.key, image.result);
}

async function adoptListings(
  { record, repository: reference }: FoundRecord,
  bench: Workbench,
): Promise<void> {
  const { store, registries } = bench;
  const repository = openRepository(reference, registries);
  await step(bench, `record of ${formatReference(reference)}`, async () => {
    const gate = createGate(CONCURRENCY);
    const seen = new Map<Digest, Promise<Uint8Array>>();
    const fetched = (blob: Descriptor) => {
      const known = seen.get(blob.digest) ?? gate(() => listingBytes(repository, blob, bench));
      seen.set(blob.digest, known);
      return known;
    };
    const layers = record.images.flatMap((image) => image.layers);
    const work = layers.map(async ({ key, descriptor, diffId, listing }) => {
      const segments = decodeSegments(await fetched(listing));
      if (segments === undefined) throw new Error(`damaged listing ${listing.digest}`);
      for (const segment of segments) if (!store.segments.has(segment.id)) store.segments.put(segment);
      noteOrigin(store, descriptor.digest, reference);
      rememberLayer(store, key, { descriptor, diffId });
    });
    for (const { digest, documents, reference: of, listings } of record.bases) {
      const origin = parseReference(of, "build record");
      for (const { diffId, descriptor } of listings) {
        if (store.listings.get(diffId, BASE_FILES.id) !== undefined) continue;
        work.push(
          fetched(descriptor).then((bytes) => {
            if (store.listings.adopt(bytes, diffId, BASE_FILES.id)) return;
            throw new Error(`damaged listing ${descriptor.digest}`);
          }),
        );
      }
      for (const layer of baseLayers(documents)) noteOrigin(store, layer, origin);
      store.records.put("base", digest, documents);
    }
    await Promise.all(work);
    for (const { generated } of record.images) {
      for (const { key, ids } of generated) store.records.put("generated", key, ids);
    }
    return { value: undefined, outcome: "hit", detail: `${layers.length} layers known` };
  });
}

function baseLayers(documents: unknown): Digest[] {
  const { layers } = documents as { readonly layers: readonly { readonly descriptor: Descriptor }[] };
  return layers.map(({ descriptor }) => descriptor.digest);
}

/** Kept as a blob, so that the next push need not make it again. */
export async function listingBytes(
  repository: Repository,
  blob: Descriptor,
  { store }: Workbench,
): Promise<Uint8Array> {
  if (!store.blobs.has(blob.digest)) {
    const bytes = await readSmallBlob(repository, blob);
    store.blobs.put(bytes);
    return bytes;
  }
  const bytes = new Uint8Array(blob.size);
  store.blobs.read(blob.digest, 0, bytes);
  return bytes;
}
