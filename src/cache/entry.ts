import { z } from "zod";
import { canonicalJson } from "../canonical-json.ts";
import { CambiumError } from "../errors.ts";
import { type Blob, blobOf } from "../image/manifest.ts";
import { MANIFEST_MEDIA_TYPE } from "../image/media-types.ts";
import { type Descriptor, type Digest, digestOf, hexOf } from "../layer/digest.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import { decodeDocument, encodeDocument } from "../store/checked-document.ts";
import { readSmallBlob } from "./read-record.ts";
import {
  digest,
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
import type { Remote } from "./remote.ts";

/** What a RUN left, by the digest of all that decides it. */
export type StepEntry = { readonly kind: "step"; readonly result: RecordedResult };

/** What the packages of a stage are composed of, by their definition key. */
export type PackagesEntry = {
  readonly kind: "packages";
  readonly layers: readonly RecordedLayer[];
  readonly generated: readonly RecordedGenerated[];
  readonly bases: readonly RecordedBase[];
  readonly listings: readonly RecordedListing[];
  /** Layers that the place did not have. */
  readonly absent: readonly Digest[];
};

/** A part of a build that is found by its key alone, whatever it was part of. Free of times and of facts of the host. */
export type CacheEntry = StepEntry | PackagesEntry;

/** Manifest and document as blobs. */
export type EntryArtifact = { readonly manifest: Blob; readonly config: Blob };

export const CACHE_ARTIFACT_TYPE = "application/vnd.cambium.cache.v1";
const CONFIG_TYPE = "application/vnd.cambium.cache.config.v1+zstd";
const MAX_ENTRY_BYTES = 16 << 20;

/**
 * Where what belongs to a key is found in one place. The key is salted: what it is a digest of has the values of build
 * arguments in it.
 */
export function entryTag(
  kind: CacheEntry["kind"] | "image" | "mount",
  key: string,
  { salt }: Pick<Remote, "salt">,
): string {
  return `cambium-${kind}-${hexOf(digestOf(`${salt} ${key}`))}`;
}

/**
 * An entry as an OCI artifact: its document is the config, which stands in the manifest too (`data`), so that a look-up is
 * one request; its layers are what it names, so that a registry keeps them.
 * @see image-spec, manifest.md, "Guidelines for Artifact Usage"; descriptor.md, `data`
 */
export function entryArtifact(tag: string, entry: CacheEntry, blobs: readonly Descriptor[]): EntryArtifact {
  const document = { version: 1, tag, layoutVersions: LAYOUT_VERSIONS, ...entry };
  const config = blobOf(encodeDocument(document), CONFIG_TYPE);
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPE,
    artifactType: CACHE_ARTIFACT_TYPE,
    config: { ...plain(config.descriptor), data: Buffer.from(config.bytes).toString("base64") },
    layers: blobs.map(plain),
  };
  return { config, manifest: blobOf(Buffer.from(canonicalJson(manifest), "utf8"), MANIFEST_MEDIA_TYPE) };
}

function plain({ mediaType, digest: of, size }: Descriptor) {
  return { mediaType, digest: of, size };
}

const manifestDocument = z.looseObject({
  artifactType: z.literal(CACHE_ARTIFACT_TYPE),
  config: z.looseObject({
    digest,
    size: z.int().min(0).max(MAX_ENTRY_BYTES),
    mediaType: z.literal(CONFIG_TYPE),
    data: z.base64().optional(),
  }),
});
const header = z.object({
  version: z.literal(1),
  tag: z.string(),
  layoutVersions: z.record(z.string(), z.number()),
});
const entryDocument = z.discriminatedUnion("kind", [
  header.extend({ kind: z.literal("step"), result: recordedResult }),
  header.extend({
    kind: z.literal("packages"),
    layers: z.array(recordedLayer),
    generated: z.array(recordedGenerated),
    bases: z.array(recordedBase),
    listings: z.array(recordedListing),
    absent: z.array(digest),
  }),
]);

/**
 * What a place has of a key; undefined: nothing.
 * @throws CambiumError `CACHE_ENTRY_INVALID` for one that is damaged, of another version, or under another's tag; as
 *   `Remote` where the place fails.
 */
export async function readEntry<Kind extends CacheEntry["kind"]>(
  remote: Remote,
  kind: Kind,
  key: Digest,
): Promise<Extract<CacheEntry, { kind: Kind }> | undefined> {
  const tag = entryTag(kind, key, remote);
  const found = await remote.manifest(tag);
  if (found === undefined) return undefined;
  const manifest = manifestDocument.safeParse(parsedJson(found.bytes));
  if (!manifest.success) throw invalid(remote, tag, "it is no cache entry");
  const { config } = manifest.data;
  const given = config.data === undefined ? undefined : Buffer.from(config.data, "base64");
  const bytes =
    given !== undefined && digestOf(given) === config.digest ? given : await readSmallBlob(remote, config);
  const entry = decodeDocument(bytes, MAX_ENTRY_BYTES, (document) => entryDocument.parse(document));
  if (entry === undefined) throw invalid(remote, tag, "it is damaged, or of another version of Cambium");
  if (entry.tag !== tag || entry.kind !== kind) throw invalid(remote, tag, `it is the entry of ${entry.tag}`);
  if (canonicalJson(entry.layoutVersions) !== canonicalJson(LAYOUT_VERSIONS)) {
    throw invalid(remote, tag, "it is of a Cambium whose layers are laid out otherwise");
  }
  return entry as unknown as Extract<CacheEntry, { kind: Kind }>;
}

function invalid({ name }: Remote, tag: string, problem: string): CambiumError {
  return new CambiumError("CACHE_ENTRY_INVALID", `${name}: ${tag}: ${problem}`, {
    hint: "It is built anew; an export to the same place replaces it.",
  });
}

function parsedJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}
