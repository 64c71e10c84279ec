import { CambiumError } from "../errors.ts";
import type { IndexRow } from "../image/documents.ts";
import type { BlobSource } from "../image/image.ts";
import type { Blob } from "../image/manifest.ts";
import type { Reference } from "../image/reference.ts";
import type { Descriptor, Digest } from "../layer/digest.ts";
import type { RegistryAccess } from "./access.ts";
import type { Action } from "./auth/scope.ts";
import { originOf, sourcesOf } from "./endpoint.ts";
import { readBlob } from "./read-blob.ts";
import { readManifest } from "./read-manifest.ts";
import { RepositoryClient } from "./repository-client.ts";
import { hasBlob, type UploadOutcome, uploadBlob } from "./upload-blob.ts";
import { deleteManifest, manifestDigest, type PutManifest, putManifest } from "./write-manifest.ts";

/**
 * A repository of a registry. Reads ask its mirrors first; what is looked up before a write, and every write, goes to the
 * registry itself. Every method throws CambiumErrors with distribution's codes, `REGISTRY_UNREACHABLE`,
 * `REGISTRY_INTERRUPTED`, `REGISTRY_ANSWER`, or the signal's reason.
 */
export type Repository = {
  /** For messages: `registry.example/team/app`. */
  readonly name: string;
  /** A manifest or index by tag or digest, checked; undefined: there is none. */
  manifest(reference: string): Promise<Blob | undefined>;
  /** The bytes of a blob, held to digest and size; goes on after a cut. */
  blob(descriptor: Pick<Descriptor, "digest" | "size">): AsyncIterable<Uint8Array>;
  tags(): Promise<string[]>;
  referrers(subject: Digest, artifactType?: string): Promise<IndexRow[]>;
  /** What a tag or digest leads to at the registry itself, without the manifest. */
  manifestDigest(reference: string): Promise<string | undefined>;
  hasBlob(digest: Digest): Promise<boolean>;
  /** Brings a blob that it may have. */
  uploadBlob(blob: BlobSource): Promise<UploadOutcome>;
  /** Brings a blob that it was just found to lack. */
  sendBlob(blob: BlobSource): Promise<UploadOutcome>;
  putManifest(manifest: Blob, reference: string): Promise<PutManifest>;
  deleteManifest(digest: Digest): Promise<boolean>;
};

/**
 * Opens the repository of a reference; no request is made. `action` is the most that will be done with it, since a token
 * is asked for that much: `delete` is by itself, as few accounts may.
 */
export function openRepository(
  reference: Pick<Reference, "registry" | "repository">,
  access: RegistryAccess,
  action: Action = "pull",
): Repository {
  const { settings } = access;
  const origin = new RepositoryClient(access, originOf(reference, settings), action);
  const places = sourcesOf(reference, settings).map((endpoint) =>
    endpoint.isMirror ? new RepositoryClient(access, endpoint, "pull") : origin,
  );
  return {
    name: origin.name,
    manifest: (tagOrDigest) => fromFirst(places, (place) => readManifest(place, tagOrDigest)),
    blob: (descriptor) => readBlob(places, descriptor),
    tags: async () => (await import("./read-listings.ts")).readTags(origin),
    referrers: async (subject, artifactType) =>
      (await import("./read-listings.ts")).readReferrers(origin, subject, artifactType),
    manifestDigest: (tagOrDigest) => manifestDigest(origin, tagOrDigest),
    hasBlob: (digest) => hasBlob(origin, digest),
    uploadBlob: (blob) => uploadBlob(origin, blob),
    sendBlob: (blob) => uploadBlob(origin, blob, { isMissing: true }),
    putManifest: (manifest, tagOrDigest) => putManifest(origin, manifest, tagOrDigest),
    deleteManifest: (digest) => deleteManifest(origin, digest),
  };
}

/** A mirror that lacks it, refuses it or is down is passed over; what the registry itself says counts. */
async function fromFirst<T>(
  places: readonly RepositoryClient[],
  read: (place: RepositoryClient) => Promise<T | undefined>,
): Promise<T | undefined> {
  for (const place of places.slice(0, -1)) {
    try {
      const found = await read(place);
      if (found !== undefined) return found;
    } catch (error) {
      if (!(error instanceof CambiumError)) throw error;
      const message = `the mirror ${place.endpoint.registry} was passed over: ${error.message}`;
      place.access.emit({ type: "warning", code: "REGISTRY_MIRROR_FAILED", message });
    }
  }
  const [origin] = places.slice(-1);
  return origin === undefined ? undefined : read(origin);
}
