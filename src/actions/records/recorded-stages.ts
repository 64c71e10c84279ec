import { type CacheEntry, entryTag, readEntry } from "../../cache/entry.ts";
import { type Found, readStagesRecord } from "../../cache/read-record.ts";
import type { RecordedResult } from "../../cache/record-parts.ts";
import type { Remote } from "../../cache/remote.ts";
import type { Sources } from "../../cache/sources.ts";
import { type StagesRecord, saltedKey } from "../../cache/stages-record.ts";
import type { CambiumLock } from "../../ecosystems/cambium-lock.ts";
import { BASE_FILES } from "../../ecosystems/read-base.ts";
import { CambiumError } from "../../errors.ts";
import { configSchema } from "../../image/documents.ts";
import { type Image, imageSize } from "../../image/image.ts";
import type { Descriptor, Digest } from "../../layer/digest.ts";
import type { Platform } from "../../platform.ts";
import { noteCached } from "../../solve/cached-places.ts";
import type { MountRemotes } from "../../solve/mounts/mount-snapshots.ts";
import { contentOf, type KnownStep } from "../../solve/steps/step-memory.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { noteExported } from "../caches/exported.ts";
import { mountRemotes } from "../caches/mount-remotes.ts";
import type { ImageResult } from "../results.ts";
import {
  adoptImage,
  adopting,
  adoptListing,
  adoptParts,
  listingReader,
  noteBases,
  readRecordedLock,
  usableRecords,
} from "./adopt-record.ts";
import { foundRecords } from "./found-records.ts";

/** A step that was found elsewhere, and where. */
export type FoundStep = { readonly result: KnownStep; readonly place: string };

/** What earlier builds in stages, perhaps on other machines, left elsewhere. */
export type RecordedStages = {
  /** Of all stages; undefined for a Dockerfile. */
  lock(): CambiumLock | undefined;
  /** The image of this key with its documents and without its layers. */
  image(key: Digest, platform: Platform): Promise<ImageResult | undefined>;
  /** Takes over what is known of packages, and of the images that were built on. */
  adopt(): Promise<void>;
  /** Takes over the packages of this key, if they are known by themselves. @param stage its name */
  packages(key: Digest, stage: string): Promise<void>;
  step(key: Digest, stage: string): Promise<FoundStep | undefined>;
  readonly mounts: MountRemotes;
};

type FoundStages = Found<StagesRecord> & { readonly readListing: ReturnType<typeof listingReader> };

/** Of all sources. @param build as `Remote.heads` */
export async function recordedStages(
  sources: Sources,
  build: string,
  bench: Workbench,
): Promise<RecordedStages> {
  const readers = new Map<Remote, ReturnType<typeof listingReader>>();
  const readerOf = (remote: Remote) => {
    const reader = readers.get(remote) ?? listingReader(remote, bench);
    readers.set(remote, reader);
    return reader;
  };
  const withReader = (found: Found<StagesRecord>): FoundStages => ({
    ...found,
    readListing: readerOf(found.remote),
  });
  const records = (await foundRecords(sources, build, readStagesRecord, bench)).map(withReader);
  // What they hand down decides keys.
  for (const { record } of records) noteBases(record.bases, bench.store);
  const locks = records.map(({ record, remote }) =>
    record.lock === undefined ? undefined : readRecordedLock(record.lock, remote, bench),
  );
  let adopted: Promise<void> | undefined;
  const adopt = async () => {
    for (const { record, remote } of records) {
      const parts = { ...record, absent: new Set(record.absent) };
      await adopting(remote, bench, () => adoptParts(parts, remote, bench));
    }
  };
  const entry = <Kind extends CacheEntry["kind"], T>(
    kind: Kind,
    key: Digest,
    stage: string,
    take: (entry: Extract<CacheEntry, { kind: Kind }>, remote: Remote) => Promise<T>,
  ): Promise<T | undefined> =>
    sources.first(stage, async (remote) => {
      try {
        const found = await readEntry(remote, kind, key);
        if (found === undefined) return undefined;
        const taken = await take(found, remote);
        noteExported(bench.store, remote.place, entryTag(kind, key, remote));
        return taken;
      } catch (error) {
        bench.signal.throwIfAborted();
        if (!isOfEntry(error)) throw error;
        const message = `what ${remote.name} has of ${kind} ${key.slice(7, 19)} is not used: ${error.message}`;
        bench.emit({ type: "warning", code: "CACHE_ENTRY_INVALID", message });
        return undefined;
      }
    });
  return {
    mounts: mountRemotes(sources, bench),
    lock: () => locks.find((lock) => lock !== undefined),
    image: async (key, platform) =>
      (await recordedImage(key, platform, records, bench)) ??
      (await imageByKey(key, platform, { sources, records, withReader }, bench)),
    adopt: () => (adopted ??= adopt()),
    packages: async (key, stage) => {
      await entry("packages", key, stage, async (found, remote) => {
        noteBases(found.bases, bench.store);
        await adoptParts({ ...found, absent: new Set(found.absent) }, remote, bench);
        return true;
      });
    },
    step: async (key, stage) => {
      for (const { record, remote, root, readListing } of records) {
        const found = record.steps.find((one) => one.key === saltedKey(root, key));
        if (found === undefined) continue;
        const absent = new Set(record.absent);
        const result = await adopting(remote, bench, () =>
          adoptStep(found, absent, readListing, remote, bench),
        );
        if (result !== undefined) return { result, place: remote.name };
      }
      return entry("step", key, stage, async (found, remote) => {
        const result = await adoptStep(found.result, new Set(), readerOf(remote), remote, bench);
        return { result, place: remote.name };
      });
    },
  };
}

/** What an entry says is wrong, and not the place. */
function isOfEntry(error: unknown): error is Error {
  if (!(error instanceof CambiumError)) return error instanceof Error && !("errno" in error);
  return /^(CACHE_ENTRY_INVALID|MANIFEST_|BLOB_UNKNOWN$|DIGEST_INVALID$|SIZE_INVALID$)/.test(error.code);
}

/** @throws Error for a listing that is damaged, or of other content. */
async function adoptStep(
  { layer, made }: RecordedResult,
  absent: ReadonlySet<Digest>,
  readListing: (blob: Descriptor) => Promise<Uint8Array>,
  remote: Remote,
  { store }: Workbench,
): Promise<KnownStep> {
  const facts = made === undefined ? {} : { made };
  if (layer === undefined) return facts;
  const { descriptor, diffId, content, listing } = layer;
  await adoptListing({ diffId, descriptor: listing }, readListing, store);
  const known = store.listings.get(diffId, BASE_FILES.id);
  if (known === undefined || contentOf(known) !== content)
    throw new Error(`${listing.digest} is another layer's`);
  if (!absent.has(descriptor.digest)) noteCached(store, descriptor.digest, remote.place);
  return { ...facts, layer: { descriptor, diffId }, content };
}

async function recordedImage(
  key: Digest,
  platform: Platform,
  records: readonly FoundStages[],
  bench: Workbench,
): Promise<ImageResult | undefined> {
  for (const { record, remote, root } of records) {
    const known = record.images.find((image) => image.key === saltedKey(root, key));
    if (known === undefined) continue;
    const absent = new Set(record.absent);
    const image = await adopting(remote, bench, () => adoptImage(known.digest, absent, remote, bench));
    if (image !== undefined) return imageResult(image, platform, known.result as ImageResult | undefined);
  }
  return undefined;
}

/** An image that went out under another name since, as that of another branch does. */
async function imageByKey(
  key: Digest,
  platform: Platform,
  from: {
    readonly sources: Sources;
    readonly records: FoundStages[];
    readonly withReader: (found: Found<StagesRecord>) => FoundStages;
  },
  bench: Workbench,
): Promise<ImageResult | undefined> {
  const found = await from.sources.first(undefined, (remote) =>
    remote.place.kind === "folder"
      ? Promise.resolve(undefined)
      : readStagesRecord(remote, entryTag("image", key, remote), bench.emit),
  );
  const usable = usableRecords(found === undefined ? [] : [found], bench).map(from.withReader);
  from.records.push(...usable);
  return recordedImage(key, platform, usable, bench);
}

/** @param told what was told of it; what it does not say of a layer is as the image's history has it */
function imageResult(image: Image, platform: Platform, told: ImageResult | undefined): ImageResult {
  const { history } = configSchema.parse(JSON.parse(Buffer.from(image.config.bytes).toString("utf8")));
  const names = (history ?? [])
    .filter((entry) => entry.empty_layer !== true)
    .map((entry) => entry.created_by);
  const layers = image.layers.map(({ descriptor, diffId }, at) => {
    const { digest, size: sizeBytes } = descriptor;
    const known = told?.layers[at];
    const { name, packages } =
      known?.digest === digest ? known : { name: names[at] ?? "layer", packages: [] };
    return { name, digest, diffId, sizeBytes, packages, isReused: true };
  });
  return { platform, digest: image.manifest.descriptor.digest, sizeBytes: imageSize(image), layers };
}
