import { CambiumError } from "../errors.ts";
import { FetchFailure } from "../fetch/failure.ts";
import type { Blob } from "../image/manifest.ts";
import { ACCEPTED_MANIFESTS } from "../image/media-types.ts";
import type { Digest } from "../layer/digest.ts";
import type { RepositoryClient } from "./repository-client.ts";

/** The digest that a tag or digest leads to, without the manifest; undefined: none, or the registry does not say. */
export async function manifestDigest(
  client: RepositoryClient,
  reference: string,
): Promise<string | undefined> {
  const answer = await client.request(
    {
      method: "HEAD",
      url: `manifests/${reference}`,
      what: `manifest ${reference}`,
      headers: { accept: ACCEPTED_MANIFESTS.join(", ") },
    },
    [200, 404],
  );
  await answer.discard();
  return answer.status === 404 ? undefined : answer.headers["docker-content-digest"];
}

/** What the registry did besides keeping it. */
export type PutManifest = {
  /** It lists the manifest among its subject's referrers by itself (distribution-spec, `OCI-Subject`). */
  readonly isListedAsReferrer: boolean;
};

/**
 * Stores a manifest or index under a tag or its digest. Everything it names must be there.
 * @throws CambiumError `DIGEST_INVALID` when the registry stored something else, `MANIFEST_BLOB_UNKNOWN` and other codes
 *   of distribution's, and as `RepositoryClient`.
 */
export async function putManifest(
  client: RepositoryClient,
  { bytes, descriptor }: Blob,
  reference: string,
): Promise<PutManifest> {
  const what = `manifest ${reference}`;
  const headers = { "content-type": descriptor.mediaType };
  const request = { method: "PUT" as const, url: `manifests/${reference}`, what, headers, body: () => bytes };
  const answer = await client.retrying(what, async () => {
    const given = await client.send(request);
    if (given.status !== 201) throw refusal(await client.error(what, given));
    return given;
  });
  await answer.discard();
  const stored = answer.headers["docker-content-digest"];
  if (stored !== undefined && stored !== descriptor.digest) {
    // A tag that leads to other bytes would make the digest that we report a lie.
    throw new CambiumError("DIGEST_INVALID", `${client.name}: stored ${stored} for ${descriptor.digest}`, {
      hint: "The registry, or a proxy before it, changes manifests; push to it directly.",
    });
  }
  return { isListedAsReferrer: answer.headers["oci-subject"] !== undefined };
}

/**
 * distribution before 3.1 on a disk empties a blob's link and then writes it, and a manifest that is checked in between,
 * while another push links the same blob, reads "" where a digest should be and is refused with `DIGEST_INVALID`
 * (its PutContent in registry/storage/driver/filesystem/driver.go at v2.8.2; distribution/distribution#4624 renames).
 * A moment later it is right. A blob that is missing may be the same, and is true more often.
 */
function refusal(error: CambiumError): CambiumError | FetchFailure {
  const { code } = error;
  if (code === "DIGEST_INVALID") return new FetchFailure({ error, retry: "again", reason: code });
  const isMissing = code === "MANIFEST_BLOB_UNKNOWN" || code === "BLOB_UNKNOWN";
  return isMissing ? new FetchFailure({ error, retry: "soon", reason: code }) : error;
}

/**
 * Deletes a manifest with all tags that lead to it. False: it was not there.
 * @throws CambiumError `UNSUPPORTED` where the registry deletes nothing, and as `RepositoryClient`.
 */
export async function deleteManifest(client: RepositoryClient, digest: Digest): Promise<boolean> {
  const request = { method: "DELETE" as const, url: `manifests/${digest}`, what: `delete of ${digest}` };
  const answer = await client.request(request, [202, 200, 204, 404]);
  await answer.discard();
  return answer.status !== 404;
}
