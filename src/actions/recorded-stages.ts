import { type Found, readSmallBlob, readStagesRecord } from "../cache/registry-record.ts";
import { type StagesRecord, saltedKey } from "../cache/stages-record.ts";
import { canonicalJson } from "../canonical-json.ts";
import { BASE_FILES } from "../ecosystems/read-base.ts";
import { messageOf } from "../errors.ts";
import { configSchema, manifestSchema } from "../image/documents.ts";
import { type Image, imageSize } from "../image/image.ts";
import { formatReference, type Reference } from "../image/reference.ts";
import type { Descriptor, DiffId, Digest } from "../layer/digest.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import type { Platform } from "../platform.ts";
import { openRepository } from "../registry/repository.ts";
import { noteOrigin } from "../solve/lazy-layers.ts";
import type { KnownStep } from "../solve/steps/step-memory.ts";
import type { Workbench } from "../solve/workbench.ts";
import { loadImageSet } from "../store/stored-image.ts";
import { listingBytes } from "./recorded-build.ts";
import type { ImageResult } from "./results.ts";

/** What an earlier build in stages, perhaps on another machine, left beside an image. */
export type RecordedStages = {
  /** The image of this key with its documents and without its layers. */
  image(key: Digest, platform: Platform): Promise<ImageResult | undefined>;
  /** Takes over what is known of the images that were built on. */
  adoptListings(): Promise<void>;
  step(key: Digest): Promise<KnownStep | undefined>;
};

/** Of the first of these images that has a usable record. */
export async function recordedStages(
  places: readonly Reference[],
  bench: Workbench,
): Promise<RecordedStages | undefined> {
  for (const place of places) {
    const found = await readStagesRecord(place, bench.registries, bench.emit);
    if (found === undefined) continue;
    if (canonicalJson(found.record.layoutVersions) === canonicalJson(LAYOUT_VERSIONS))
      return opened(found, bench);
    warn(place, "it is of a Cambium whose layers are laid out otherwise", bench);
  }
  return undefined;
}

function opened({ record, repository: place, root }: Found<StagesRecord>, bench: Workbench): RecordedStages {
  const { store, registries } = bench;
  const repository = openRepository(place, registries);
  const images = new Map(record.images.map((image) => [image.key, image.digest]));
  const steps = new Map(record.steps.map((step) => [step.key, step]));
  const adoptListing = async (descriptor: Descriptor, diffId: DiffId) => {
    if (store.listings.get(diffId, BASE_FILES.id) !== undefined) return;
    const bytes = await listingBytes(repository, descriptor, bench);
    if (!store.listings.adopt(bytes, diffId, BASE_FILES.id))
      throw new Error(`damaged listing ${descriptor.digest}`);
  };
  /** Whatever fails, a build can do without the record. */
  const trying = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      bench.signal.throwIfAborted();
      warn(place, messageOf(error), bench);
      return undefined;
    }
  };
  return {
    image: async (key, platform) => {
      const digest = images.get(saltedKey(root, key));
      if (digest === undefined) return undefined;
      return trying(async () => {
        const manifest = await repository.manifest(digest);
        if (manifest === undefined) return undefined;
        const { config, layers } = manifestSchema.parse(parsed(manifest.bytes));
        if (!store.blobs.has(config.digest)) store.blobs.put(await readSmallBlob(repository, config));
        for (const layer of layers) noteOrigin(store, layer.digest, place);
        store.blobs.put(manifest.bytes);
        const [image] = loadImageSet(store, digest)?.images ?? [];
        return image && imageResult(image, platform);
      });
    },
    adoptListings: async () => {
      const work = record.listings.map(({ descriptor, diffId }) => adoptListing(descriptor, diffId));
      await trying(() => Promise.all(work));
    },
    step: async (key) => {
      const step = steps.get(saltedKey(root, key));
      if (step === undefined) return undefined;
      const { layer } = step;
      if (layer === undefined) return {};
      return trying(async () => {
        const { descriptor, diffId, content, listing } = layer;
        await adoptListing(listing, diffId);
        noteOrigin(store, descriptor.digest, place);
        return { layer: { descriptor, diffId }, content };
      });
    },
  };
}

/** Named as the image's history has its steps. */
function imageResult(image: Image, platform: Platform): ImageResult {
  const { history } = configSchema.parse(parsed(image.config.bytes));
  const names = (history ?? [])
    .filter((entry) => entry.empty_layer !== true)
    .map((entry) => entry.created_by);
  const layers = image.layers.map(({ descriptor, diffId }, at) => ({
    name: names[at] ?? "layer",
    ...{ digest: descriptor.digest, diffId, sizeBytes: descriptor.size, packages: [], isReused: true },
  }));
  return { platform, digest: image.manifest.descriptor.digest, sizeBytes: imageSize(image), layers };
}

function parsed(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString("utf8"));
}

function warn(place: Reference, problem: string, { emit }: Workbench): void {
  const message = `the build record of ${formatReference(place)} is not used: ${problem}`;
  emit({ type: "warning", code: "RECORD_UNREADABLE", message });
}
