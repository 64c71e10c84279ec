import { z } from "zod";
import { configSchema } from "../image/documents.ts";
import type { Descriptor, DiffId, Digest } from "../layer/digest.ts";
import type { SegmentId } from "../layer/segment.ts";
import { decodeDocument, encodeDocument } from "../store/checked-document.ts";
import { descriptor, diffId, digest } from "./record-parts.ts";

/**
 * What a build tells other machines about the image that it made: enough to have the same image without a byte of its
 * packages, and to build a changed one from the bytes of what changed alone. Free of times and of facts of the host, so
 * that the same build says the same.
 */
export type BuildRecord = {
  readonly version: 1;
  /** Another table means other bytes for the same input, so such a record is of no use. */
  readonly layoutVersions: Readonly<Record<string, number>>;
  /** The graph, as `Definition`; checked by who uses it. */
  readonly definition: unknown;
  /** Text of a cambium.lock. */
  readonly lock: string;
  readonly images: readonly RecordedImage[];
  readonly bases: readonly RecordedBase[];
};

/** One image by its definition key. */
export type RecordedImage = {
  /** `linux/amd64`. */
  readonly platform: string;
  readonly key: Digest;
  /** What the image says of its time, RFC 3339. */
  readonly created: string;
  /** Of the manifest. */
  readonly digest: Digest;
  /** What `build` tells of it. */
  readonly result: unknown;
  /** Layers that were composed, bottom up. */
  readonly layers: readonly RecordedLayer[];
  /** The project's own files, in the order of their layers. */
  readonly files: readonly SegmentId[];
  /** Generated segments by what they are generated from. */
  readonly generated: readonly { readonly key: Digest; readonly ids: readonly SegmentId[] }[];
};

export type RecordedLayer = {
  /** Key of the plan that gives this layer. */
  readonly key: Digest;
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
  /** Blob with the listings of its segments. */
  readonly listing: Descriptor;
};

/** The image of a registry that was built on. */
export type RecordedBase = {
  /** Of its manifest. */
  readonly digest: Digest;
  /** Registry and repository. */
  readonly reference: string;
  /** Its config and layers, as the store keeps them. */
  readonly documents: unknown;
  /** Blobs with the listings of its layers. */
  readonly listings: readonly { readonly diffId: DiffId; readonly descriptor: Descriptor }[];
};

/** A lock of a large project has 2 MB. */
const MAX_RECORD_BYTES = 64 << 20;

const segmentId = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform((text) => text as SegmentId);
const object = z.record(z.string(), z.unknown());
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
const imageResult = z.object({
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
    z.object({
      descriptor: descriptor.extend({ annotations: z.record(z.string(), z.string()).optional() }),
      diffId,
    }),
  ),
});

const schema = z.object({
  version: z.literal(1),
  layoutVersions: z.record(z.string(), z.number()),
  definition: object,
  lock: z.string(),
  images: z.array(
    z.object({
      platform: z.string(),
      key: digest,
      created: z.iso.datetime(),
      digest,
      result: imageResult,
      layers: z.array(z.object({ key: digest, descriptor, diffId, listing: descriptor })),
      files: z.array(segmentId),
      generated: z.array(z.object({ key: digest, ids: z.array(segmentId) })),
    }),
  ),
  bases: z.array(
    z.object({
      digest,
      reference: z.string(),
      documents: baseDocuments,
      listings: z.array(z.object({ diffId, descriptor })),
    }),
  ),
});

/** As `encodeDocument` writes it. */
export function encodeRecord(record: BuildRecord): Uint8Array {
  return encodeDocument(record);
}

/** Undefined for what is damaged, of another version, or no record: nothing that a build could fail for. */
export function decodeRecord(bytes: Uint8Array): BuildRecord | undefined {
  return decodeDocument(bytes, MAX_RECORD_BYTES, (document) => schema.parse(document));
}
