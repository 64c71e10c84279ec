import { z } from "zod";
import { canonicalJson } from "../canonical-json.ts";
import { type Blob, blobOf } from "../image/manifest.ts";
import { INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE } from "../image/media-types.ts";
import { type Descriptor, type Digest, digestOf } from "../layer/digest.ts";
import { type BuildRecord, decodeRecord, encodeRecord } from "./build-record.ts";
import { decodeStagesRecord, encodeStagesRecord, type StagesRecord } from "./stages-record.ts";

/** What a build record is in a registry: its manifest, and the blobs that it names beside the listings. */
export type RecordArtifact = { readonly manifest: Blob; readonly config: Blob };

export const RECORD_ARTIFACT_TYPE = "application/vnd.cambium.record.v1";
export const LISTING_MEDIA_TYPE = "application/vnd.cambium.listing.v1+zstd";
const RECORD_CONFIG_TYPE = "application/vnd.cambium.record.config.v1+zstd";
const STAGES_CONFIG_TYPE = "application/vnd.cambium.record.stages.v1+zstd";

/**
 * The record as an OCI artifact: the document is its config, and the listings are its layers, so that a registry keeps
 * them as long as the record. The config stands in the manifest too (`data`), which saves a reader a request.
 * @param subject what the tag of the image leads to
 * @see image-spec, manifest.md, "Guidelines for Artifact Usage"; descriptor.md, `data`
 */
export function recordArtifact(
  record: BuildRecord,
  listings: readonly Descriptor[],
  subject: Descriptor,
): RecordArtifact {
  return artifactOf(blobOf(encodeRecord(record), RECORD_CONFIG_TYPE), listings, subject);
}

/** As `recordArtifact`, of a build in stages. */
export function stagesArtifact(
  record: StagesRecord,
  listings: readonly Descriptor[],
  subject: Descriptor,
): RecordArtifact {
  return artifactOf(blobOf(encodeStagesRecord(record), STAGES_CONFIG_TYPE), listings, subject);
}

function artifactOf(config: Blob, listings: readonly Descriptor[], subject: Descriptor): RecordArtifact {
  const document = {
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPE,
    artifactType: RECORD_ARTIFACT_TYPE,
    config: withData(config),
    layers: listings.map(plain),
    subject: plain(subject),
  };
  return {
    config,
    manifest: blobOf(Buffer.from(canonicalJson(document), "utf8"), MANIFEST_MEDIA_TYPE),
  };
}

/** The record in a manifest; undefined for another artifact, or one whose record is not to be read. */
export function recordFrom(manifest: Uint8Array): BuildRecord | undefined {
  return isStagesRecord(manifest) ? undefined : decodedFrom(manifest, decodeRecord);
}

/** As `recordFrom`, of a build in stages. */
export function stagesRecordFrom(manifest: Uint8Array): StagesRecord | undefined {
  return isStagesRecord(manifest) ? decodedFrom(manifest, decodeStagesRecord) : undefined;
}

/** Whether a record is of a build in stages, whatever else is wrong with it. */
export function isStagesRecord(manifest: Uint8Array): boolean {
  const parsed = manifestSchema.safeParse(parsedJson(manifest));
  return parsed.success && parsed.data.config.mediaType === STAGES_CONFIG_TYPE;
}

function decodedFrom<T>(manifest: Uint8Array, decode: (bytes: Uint8Array) => T | undefined): T | undefined {
  const parsed = manifestSchema.safeParse(parsedJson(manifest));
  const bytes = parsed.success ? dataOf(parsed.data.config) : undefined;
  return bytes === undefined ? undefined : decode(bytes);
}

/**
 * The index of an image's referrers with this record in place of an earlier one; other tools' referrers stay.
 * @param before the bytes of the index that is there
 * @see distribution-spec, "Referrers Tag Schema"
 */
export function withRecord(before: Uint8Array | undefined, { manifest }: RecordArtifact): Blob {
  const parsed = before === undefined ? undefined : indexSchema.safeParse(parsedJson(before));
  const others = (parsed?.success ? parsed.data.manifests : []).filter(
    (row) => row.artifactType !== RECORD_ARTIFACT_TYPE,
  );
  const row = { ...withData(manifest), artifactType: RECORD_ARTIFACT_TYPE };
  const document = { schemaVersion: 2, mediaType: INDEX_MEDIA_TYPE, manifests: [...others, row] };
  return blobOf(Buffer.from(canonicalJson(document), "utf8"), INDEX_MEDIA_TYPE);
}

/** The record's row of an index of referrers, with the manifest if the index has that in it. */
export function recordRow(
  index: Uint8Array,
): { readonly digest: Digest; readonly manifest: Uint8Array | undefined } | undefined {
  const parsed = indexSchema.safeParse(parsedJson(index));
  const row = parsed.success
    ? parsed.data.manifests.find(({ artifactType }) => artifactType === RECORD_ARTIFACT_TYPE)
    : undefined;
  return row && { digest: row.digest as Digest, manifest: dataOf(row) };
}

const descriptorSchema = z.looseObject({
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.int().min(0),
  mediaType: z.string().optional(),
  data: z.base64().optional(),
  artifactType: z.string().optional(),
});
const manifestSchema = z.looseObject({
  artifactType: z.literal(RECORD_ARTIFACT_TYPE),
  config: descriptorSchema,
});
const indexSchema = z.looseObject({ manifests: z.array(descriptorSchema) });

/** Embedded content counts only when it is what the descriptor names. */
function dataOf({ data, digest }: z.infer<typeof descriptorSchema>): Uint8Array | undefined {
  if (data === undefined) return undefined;
  const bytes = Buffer.from(data, "base64");
  return digestOf(bytes) === digest ? bytes : undefined;
}

function withData({ descriptor, bytes }: Blob) {
  return { ...plain(descriptor), data: Buffer.from(bytes).toString("base64") };
}

function plain({ mediaType, digest, size }: Descriptor) {
  return { mediaType, digest, size };
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
