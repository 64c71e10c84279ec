import { z } from "zod";
import { type Digest, digestOf } from "../layer/digest.ts";
import { decodeDocument, encodeDocument } from "../store/checked-document.ts";
import {
  digest,
  imageResult,
  type RecordedBase,
  type RecordedGenerated,
  type RecordedLayer,
  type RecordedListing,
  type RecordedResult,
  recordedBase,
  recordedGenerated,
  recordedLayer,
  recordedListing,
  recordedResult,
} from "./record-parts.ts";

/**
 * What a build in stages tells other machines: which image it came to, what each RUN of each stage left, and what the
 * packages below are composed of. Keys of images and steps are salted, since what they are digests of has the values of a
 * Dockerfile's build arguments in it. Free of times and of facts of the host.
 */
export type StagesRecord = {
  readonly version: 2;
  /** Another table means other bytes for the same input, so such a record is of no use. */
  readonly layoutVersions: Readonly<Record<string, number>>;
  /** Text of a cambium.lock, of all stages; absent for a Dockerfile. */
  readonly lock?: string;
  /** The whole result by the key of all that decides it. */
  readonly images: readonly RecordedStages[];
  readonly steps: readonly RecordedStep[];
  /** Layers that were composed, of all stages: of packages, and of files that steps took from other stages. */
  readonly layers: readonly RecordedLayer[];
  readonly generated: readonly RecordedGenerated[];
  /** What packages stand on. */
  readonly bases: readonly RecordedBase[];
  /** Of layers of other images that were built on, and of composed ones whose listing takes bytes. */
  readonly listings: readonly RecordedListing[];
  /** Layers above that the repository does not have: of other stages than the image's. */
  readonly absent: readonly Digest[];
  /** What explains misses elsewhere, as `PortableBuild`; checked by who uses it. */
  readonly told?: unknown;
};

export type RecordedStages = {
  /** `linux/amd64`. */
  readonly platform: string;
  readonly key: Digest;
  /** Of the manifest. */
  readonly digest: Digest;
  /** What `build` tells of it; absent for a Dockerfile, whose build arguments are in the names of its layers. */
  readonly result?: unknown;
};

export type RecordedStep = RecordedResult & { readonly key: Digest };

const MAX_RECORD_BYTES = 64 << 20;

const schema = z.object({
  version: z.literal(2),
  layoutVersions: z.record(z.string(), z.number()),
  lock: z.string().exactOptional(),
  images: z.array(
    z.object({ platform: z.string(), key: digest, digest, result: imageResult.exactOptional() }),
  ),
  steps: z.array(z.object({ key: digest, ...recordedResult.shape })),
  layers: z.array(recordedLayer),
  generated: z.array(recordedGenerated),
  bases: z.array(recordedBase),
  listings: z.array(recordedListing),
  absent: z.array(digest),
  told: z.unknown().optional(),
});

/**
 * A key as a record has it.
 * @param root what the tag of the image leads to: nobody can prepare for a salt that only the image brings
 */
export function saltedKey(root: Digest, key: Digest): Digest {
  return digestOf(`${root} ${key}`);
}

/** As `encodeDocument` writes it. */
export function encodeStagesRecord(record: StagesRecord): Uint8Array {
  return encodeDocument(record);
}

/** Undefined for what is damaged, of another version, or no such record. */
export function decodeStagesRecord(bytes: Uint8Array): StagesRecord | undefined {
  return decodeDocument(bytes, MAX_RECORD_BYTES, (document) => schema.parse(document));
}
