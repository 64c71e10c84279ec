import { z } from "zod";
import type { Digest } from "../layer/digest.ts";
import type { SegmentId } from "../layer/segment.ts";
import { decodeDocument, encodeDocument } from "../store/checked-document.ts";
import {
  digest,
  imageResult,
  type RecordedBase,
  type RecordedGenerated,
  type RecordedLayer,
  recordedBase,
  recordedGenerated,
  recordedLayer,
  segmentId,
} from "./record-parts.ts";

/**
 * What a build tells other machines about the image that it made: enough to have the same image without a byte of its
 * packages, and to build a changed one from the bytes of what changed alone. Free of times and of facts of the host, so
 * that the same build says the same.
 */
export type BuildRecord = {
  readonly version: 2;
  /** Another table means other bytes for the same input, so such a record is of no use. */
  readonly layoutVersions: Readonly<Record<string, number>>;
  /** The graph, as `Definition`; checked by who uses it. */
  readonly definition: unknown;
  /** Text of a cambium.lock. */
  readonly lock: string;
  readonly images: readonly RecordedImage[];
  readonly bases: readonly RecordedBase[];
  /** Layers of the images that the place of the record does not have. */
  readonly absent: readonly Digest[];
  /** What explains misses elsewhere, as `PortableBuild`; checked by who uses it. */
  readonly told?: unknown;
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
  readonly generated: readonly RecordedGenerated[];
};

/** A lock of a large project has 2 MB. */
const MAX_RECORD_BYTES = 64 << 20;

const schema = z.object({
  version: z.literal(2),
  layoutVersions: z.record(z.string(), z.number()),
  definition: z.record(z.string(), z.unknown()),
  lock: z.string(),
  images: z.array(
    z.object({
      platform: z.string(),
      key: digest,
      created: z.iso.datetime(),
      digest,
      result: imageResult,
      layers: z.array(recordedLayer),
      files: z.array(segmentId),
      generated: z.array(recordedGenerated),
    }),
  ),
  bases: z.array(recordedBase),
  absent: z.array(digest),
  told: z.unknown().optional(),
});

/** As `encodeDocument` writes it. */
export function encodeRecord(record: BuildRecord): Uint8Array {
  return encodeDocument(record);
}

/** Undefined for what is damaged, of another version, or no record: nothing that a build could fail for. */
export function decodeRecord(bytes: Uint8Array): BuildRecord | undefined {
  return decodeDocument(bytes, MAX_RECORD_BYTES, (document) => schema.parse(document));
}
