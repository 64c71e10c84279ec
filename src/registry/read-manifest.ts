import { CambiumError } from "../errors.ts";
import { lengthFrom } from "../fetch/client.ts";
import { FetchFailure } from "../fetch/failure.ts";
import { type Blob, blobOf } from "../image/manifest.ts";
import {
  ACCEPTED_MANIFESTS,
  INDEX_MEDIA_TYPE,
  isIndexType,
  isManifestType,
  MANIFEST_MEDIA_TYPE,
} from "../image/media-types.ts";
import { type Digest, digestOf, isDigest } from "../layer/digest.ts";
import type { RegistryResponse, RepositoryClient } from "./repository-client.ts";

/** distribution-spec, "Pushing manifests": registries should take 4 MiB, and hardly one takes more. */
const MAX_MANIFEST_BYTES = 4 * 2 ** 20;

/** Types that say no more than that it is JSON. */
const GENERIC_TYPE = /^(?:|application\/(?:json|octet-stream)|text\/plain)$/;

/**
 * A manifest or index by tag or digest; undefined: there is none. Its descriptor is computed, not believed.
 * @throws CambiumError `DIGEST_INVALID`, `SIZE_INVALID`, `MANIFEST_INVALID`, `MEDIA_TYPE_UNKNOWN`, `MEDIA_TYPE_INVALID`,
 *   and as `RepositoryClient`.
 */
export async function readManifest(client: RepositoryClient, reference: string): Promise<Blob | undefined> {
  const what = `manifest ${reference}`;
  const where = `${client.name}: ${what}`;
  const request = {
    method: "GET" as const,
    url: `manifests/${reference}`,
    what,
    headers: { accept: ACCEPTED_MANIFESTS.join(", ") },
  };
  return client.retrying(what, async () => {
    const answer = await client.send(request);
    if (answer.status === 404) {
      await answer.discard();
      return undefined;
    }
    if (answer.status !== 200) throw await client.error(what, answer);
    const bytes = await boundedBytes(answer, where);
    assertDigest(digestOf(bytes), isDigest(reference) ? reference : undefined, answer, where);
    return blobOf(bytes, mediaTypeOf(bytes, answer.headers["content-type"] ?? "", where));
  });
}

async function boundedBytes(answer: RegistryResponse, where: string): Promise<Uint8Array> {
  const declared = lengthFrom(answer.headers);
  const chunks: Uint8Array[] = [];
  let size = declared ?? 0;
  if (size <= MAX_MANIFEST_BYTES) {
    size = 0;
    for await (const chunk of answer.body) {
      size += chunk.byteLength;
      if (size > MAX_MANIFEST_BYTES) break;
      chunks.push(chunk);
    }
  } else {
    await answer.discard();
  }
  if (size > MAX_MANIFEST_BYTES) {
    throw new CambiumError("SIZE_INVALID", `${where}: larger than the ${MAX_MANIFEST_BYTES} bytes allowed`, {
      hint: "No image has such a manifest: check the reference, and proxies before the registry.",
    });
  }
  return Buffer.concat(chunks);
}

/** Damaged on the way may be right the next time; a registry that has something else will have it then too. */
function assertDigest(
  got: Digest,
  wanted: Digest | undefined,
  answer: RegistryResponse,
  where: string,
): void {
  const want = wanted ?? answer.headers["docker-content-digest"];
  if (want === undefined || !/^sha256:/.test(want) || want === got) return;
  throw new FetchFailure({
    error: new CambiumError("DIGEST_INVALID", `${where}: want ${want}, got ${got}`, {
      hint: "The registry, or a proxy before it, changes or damages manifests: ask it directly.",
    }),
    retry: "soon",
    reason: "wrong digest",
  });
}

/** The document's own type must agree with the answer's: two readers must not see two things. */
function mediaTypeOf(bytes: Uint8Array, contentType: string, where: string): string {
  const document = parsedObject(bytes, where);
  const served = contentType.split(";", 1)[0]!.trim().toLowerCase();
  const own = document.mediaType;
  if (own !== undefined && typeof own !== "string") throw invalid(where, "its mediaType is no text");
  if (document.manifests !== undefined && (document.layers !== undefined || document.config !== undefined))
    throw invalid(where, "it is both an index and a manifest");
  if (own !== undefined && own !== served && !GENERIC_TYPE.test(served)) {
    throw new CambiumError(
      "MEDIA_TYPE_INVALID",
      `${where}: it says it is ${JSON.stringify(own)}, the registry says ${JSON.stringify(served)}`,
      { hint: "The image is made to look different to different readers, or the registry is broken." },
    );
  }
  const guessed = document.manifests === undefined ? MANIFEST_MEDIA_TYPE : INDEX_MEDIA_TYPE;
  const mediaType = own ?? (GENERIC_TYPE.test(served) ? guessed : served);
  const isRight =
    (isIndexType(mediaType) && document.manifests !== undefined) ||
    (isManifestType(mediaType) && document.layers !== undefined);
  if (isRight) return mediaType;
  if (isIndexType(mediaType) || isManifestType(mediaType))
    throw invalid(where, `it has not the members of ${mediaType}`);
  throw new CambiumError("MEDIA_TYPE_UNKNOWN", `${where}: not an image: ${JSON.stringify(mediaType)}`, {
    hint: /manifest\.v1\+/.test(mediaType)
      ? "It has Docker's first format: pull and push it with a current docker."
      : "OCI manifests and indexes and Docker's version 2 of them are understood.",
  });
}

function parsedObject(bytes: Uint8Array, where: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw invalid(where, "it is not JSON", error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(where, "it is no object");
  return { ...value };
}

function invalid(where: string, problem: string, cause?: unknown): CambiumError {
  return new CambiumError("MANIFEST_INVALID", `${where}: ${problem}`, {
    hint: "Check the reference, and proxies before the registry.",
    cause,
  });
}
