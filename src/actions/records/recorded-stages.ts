import { readStagesRecord } from "../../cache/registry-record.ts";
import { saltedKey } from "../../cache/stages-record.ts";
import type { CambiumLock } from "../../ecosystems/cambium-lock.ts";
import { configSchema } from "../../image/documents.ts";
import { type Image, imageSize } from "../../image/image.ts";
import type { Reference } from "../../image/reference.ts";
import type { Digest } from "../../layer/digest.ts";
import type { Platform } from "../../platform.ts";
import { forgetOrigin, noteOrigin } from "../../solve/lazy-layers.ts";
import type { KnownStep } from "../../solve/steps/step-memory.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { ImageResult } from "../results.ts";
import {
  adoptImage,
  adopting,
  adoptListing,
  adoptParts,
  firstRecord,
  listingReader,
  noteBases,
  readRecordedLock,
  warnOfRecord,
} from "./adopt-record.ts";

/** What an earlier build in stages, perhaps on another machine, left beside an image. */
export type RecordedStages = {
  /** Of all stages; undefined for a Dockerfile. */
  lock(): CambiumLock | undefined;
  /** The image of this key with its documents and without its layers. */
  image(key: Digest, platform: Platform): Promise<ImageResult | undefined>;
  /** Takes over what is known of packages, and of the images that were built on. */
  adopt(): Promise<void>;
  step(key: Digest): Promise<KnownStep | undefined>;
  /** Takes back where its layers are: the repository does not have one of them, whatever the record says. */
  disbelieve(problem: string): void;
};

/** Of the first of these images that has a usable record. */
export async function recordedStages(
  places: readonly Reference[],
  bench: Workbench,
): Promise<RecordedStages | undefined> {
  const found = await firstRecord(places, readStagesRecord, bench);
  if (found === undefined) return undefined;
  const { record, repository: place, root } = found;
  const { store } = bench;
  const images = new Map(record.images.map((image) => [image.key, image]));
  const steps = new Map(record.steps.map((step) => [step.key, step]));
  const absent = new Set(record.absent);
  const readListing = listingReader(place, bench);
  const readLock = (text: string) => readRecordedLock(text, place, bench);
  // What they hand down decides keys.
  noteBases(record.bases, store);
  const lock = record.lock === undefined ? undefined : readLock(record.lock);
  let adopted: Promise<void> | undefined;
  return {
    lock: () => lock,
    image: async (key, platform) => {
      const known = images.get(saltedKey(root, key));
      if (known === undefined) return undefined;
      const image = await adopting(place, bench, () => adoptImage(known.digest, place, bench));
      return image && imageResult(image, platform, known.result as ImageResult | undefined);
    },
    adopt: () => (adopted ??= adopting(place, bench, () => adoptParts({ ...record, absent }, place, bench))),
    step: async (key) => {
      const step = steps.get(saltedKey(root, key));
      if (step === undefined) return undefined;
      const { layer } = step;
      if (layer === undefined) return {};
      return adopting(place, bench, async () => {
        const { descriptor, diffId, content, listing } = layer;
        await adoptListing({ diffId, descriptor: listing }, readListing, store);
        if (!absent.has(descriptor.digest)) noteOrigin(store, descriptor.digest, place);
        return { layer: { descriptor, diffId }, content };
      });
    },
    disbelieve: (problem) => {
      const layers = [...record.layers, ...record.steps.flatMap(({ layer }) => layer ?? [])];
      for (const { descriptor } of layers) forgetOrigin(store, descriptor.digest, place);
      warnOfRecord(place, problem, bench);
    },
  };
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
