import { z } from "zod";
import { configSchema } from "../image/documents.ts";
import type { Descriptor, DiffId, Digest } from "../layer/digest.ts";
import type { LayerRecord } from "../layer/layer.ts";
import type { SegmentId } from "../layer/segment.ts";

/** A layer that was composed. */
export type RecordedLayer = {
  /** Key of the plan that gives this layer. */
  readonly key: Digest;
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
  /** Blob with the listings of its segments. */
  readonly listing: Descriptor;
};

/** Generated segments by what they are generated from. */
export type RecordedGenerated = { readonly key: Digest; readonly ids: readonly SegmentId[] };

/** What a RUN left: without a layer where it changed nothing. */
export type RecordedResult = {
  readonly layer?: LayerRecord & {
    /** Stands for it in the keys of what comes above. */
    readonly content: string;
    /** Blob with its listing. */
    readonly listing: Descriptor;
  };
  /** When it ran, in milliseconds since the epoch, and how long, for who is spared that. */
  readonly made?: { readonly atMs: number; readonly tookMs: number };
};

/** Blob with the listing of a layer. */
export type RecordedListing = { readonly diffId: DiffId; readonly descriptor: Descriptor };

/** The image of a registry that was built on. */
export type RecordedBase = {
  /** Of its manifest. */
  readonly digest: Digest;
  /** Registry and repository. */
  readonly reference: string;
  /** Its config and layers, as the store keeps them. */
  readonly documents: unknown;
  /** Blobs with the listings of its layers. */
  readonly listings: readonly RecordedListing[];
};

/** What documents of records are made of. */
export const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .transform((text) => text as Digest);
const diffId = digest.transform((text) => text as string as DiffId);
const descriptor = z.object({ mediaType: z.string().min(1), digest, size: z.int().min(0) });
export const layerRecord = z.object({ descriptor, diffId });
export const segmentId = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as SegmentId);
export const recordedLayer = z.object({ key: digest, ...layerRecord.shape, listing: descriptor });
export const recordedGenerated = z.object({ key: digest, ids: z.array(segmentId) });
export const recordedResult = z.object({
  layer: layerRecord.extend({ content: digest, listing: descriptor }).exactOptional(),
  made: z.object({ atMs: z.int().min(0), tookMs: z.int().min(0) }).exactOptional(),
});
export const recordedListing = z.object({ diffId, descriptor });

const sizeBytes = z.int().min(0);
const packageResult = z.object({
  ecosystem: z.string(),
  name: z.string(),
  version: z.string(),
  sizeBytes,
});
const layerResult = z.object({
  name: z.string(),
  digest,
  diffId,
  sizeBytes,
  packages: z.array(packageResult),
  isReused: z.boolean(),
});
/** `ImageResult`, which is printed as it stands here. */
export const imageResult = z.object({
  platform: z.object({ os: z.literal("linux"), architecture: z.enum(["amd64", "arm64"]) }),
  digest,
  sizeBytes,
  layers: z.array(layerResult),
});
/** `BaseDocuments`, which a build stands on. */
const baseDocuments = z.object({
  digest,
  config: configSchema,
  // With its annotations, which the manifest of an image on this base repeats.
  layers: z.array(
    layerRecord.extend({
      descriptor: descriptor.extend({ annotations: z.record(z.string(), z.string()).optional() }),
    }),
  ),
});
export const recordedBase = z.object({
  digest,
  reference: z.string(),
  documents: baseDocuments,
  listings: z.array(recordedListing),
});
