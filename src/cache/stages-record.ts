import { z } from "zod";
import { type Descriptor, type DiffId, type Digest, digestOf } from "../layer/digest.ts";
import { decodeDocument, encodeDocument } from "../store/checked-document.ts";
import { descriptor, diffId, digest } from "./record-parts.ts";

/**
 * What a build in stages (a Dockerfile's) tells other machines: which image it came to, and what each RUN left. Keys are
 * salted, since what they are digests of has the values of build arguments in it. Free of times and of facts of the host.
 */
export type StagesRecord = {
  readonly version: 1;
  /** Another table means other bytes for the same input, so such a record is of no use. */
  readonly layoutVersions: Readonly<Record<string, number>>;
  /** The whole result by the key of all that decides it. */
  readonly images: readonly RecordedStages[];
  readonly steps: readonly RecordedStep[];
  /** Blobs with the listings of layers of the images that were built on. */
  readonly listings: readonly { readonly diffId: DiffId; readonly descriptor: Descriptor }[];
};

export type RecordedStages = {
  /** `linux/amd64`. */
  readonly platform: string;
  readonly key: Digest;
  /** Of the manifest. */
  readonly digest: Digest;
};

/** Without a layer where the step changed nothing. */
export type RecordedStep = {
  readonly key: Digest;
  readonly layer?: {
    readonly descriptor: Descriptor;
    readonly diffId: DiffId;
    /** Stands for it in the keys of what comes above. */
    readonly content: string;
    /** Blob with its listing. */
    readonly listing: Descriptor;
  };
};

const MAX_RECORD_BYTES = 64 << 20;

const schema = z.object({
  version: z.literal(1),
  layoutVersions: z.record(z.string(), z.number()),
  images: z.array(z.object({ platform: z.string(), key: digest, digest })),
  steps: z.array(
    z.object({
      key: digest,
      layer: z.object({ descriptor, diffId, content: digest, listing: descriptor }).exactOptional(),
    }),
  ),
  listings: z.array(z.object({ diffId, descriptor })),
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
