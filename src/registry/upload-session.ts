import { CambiumError } from "../errors.ts";
import { FetchFailure } from "../fetch/failure.ts";
import type { Digest } from "../layer/digest.ts";
import { registryError } from "./registry-error.ts";
import type { RegistryResponse, RepositoryClient } from "./repository-client.ts";

/** distribution-spec, "Pushing blobs": an upload that the registry has begun. */
export type UploadSession = {
  /** Where the next request goes; holds the registry's state, so it is in no message. */
  readonly location: URL;
  /** Bytes that the registry has. */
  readonly offset: number;
  /** `OCI-Chunk-Min-Length`: what every chunk but the last must have. */
  readonly minChunkBytes: number;
};

export type SessionStart = UploadSession | "mounted";

/**
 * Asks for a session, or with `from` for a mount of the blob that another repository has; where that is not done there
 * is a session instead.
 */
export async function beginUpload(
  client: RepositoryClient,
  digest: Digest,
  from: string | undefined,
): Promise<SessionStart> {
  const what = `upload of ${digest}`;
  const query =
    from === undefined ? "" : `?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`;
  const answer = await client.send({
    method: "POST",
    url: `blobs/uploads/${query}`,
    what,
    headers: { "content-length": "0" },
    ...(from !== undefined && { alsoPull: from }),
  });
  if (answer.status === 201 && from !== undefined) {
    await answer.discard();
    return "mounted";
  }
  if (answer.status !== 202) throw await client.error(what, answer);
  await answer.discard();
  return sessionFrom(client, answer, { offset: 0, minChunkBytes: 0 });
}

/**
 * Asks how much of an upload the registry has. Undefined: it has forgotten the session.
 */
export async function uploadStatus(
  client: RepositoryClient,
  digest: Digest,
  session: UploadSession,
): Promise<UploadSession | undefined> {
  const what = `upload status of ${digest}`;
  const answer = await client.send({ method: "GET", url: session.location, what });
  await answer.discard();
  if (answer.status !== 204) return undefined;
  return sessionFrom(client, answer, { ...session, offset: receivedBytes(answer) ?? 0 });
}

/** Sends `size` bytes at the session's offset; what comes back goes on after them. */
export async function sendChunk(
  client: RepositoryClient,
  digest: Digest,
  session: UploadSession,
  size: number,
  body: () => AsyncIterable<Uint8Array>,
): Promise<UploadSession> {
  const what = `upload of ${digest}`;
  const { offset, location } = session;
  const answer = await client.send({
    method: "PATCH",
    url: location,
    what,
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String(size),
      "content-range": `${offset}-${offset + size - 1}`,
    },
    body,
  });
  // The spec says 202; some say 204.
  if (answer.status !== 202 && answer.status !== 204) throw await sessionFailure(client, what, answer);
  await answer.discard();
  const received = receivedBytes(answer, offset + size) ?? offset + size;
  if (received === offset + size) return sessionFrom(client, answer, { ...session, offset: received });
  throw lost(client, what, `it has ${received} of ${offset + size} bytes`);
}

/** Ends an upload with the bytes that are missing, perhaps none. */
export async function finishUpload(
  client: RepositoryClient,
  digest: Digest,
  session: UploadSession,
  size: number,
  body: () => AsyncIterable<Uint8Array>,
): Promise<void> {
  const what = `upload of ${digest}`;
  const url = new URL(session.location);
  // Not by URLSearchParams, which would write the registry's own parameters anew.
  url.search += `${url.search === "" ? "?" : "&"}digest=${encodeURIComponent(digest)}`;
  const headers = { "content-type": "application/octet-stream", "content-length": String(size) };
  const answer = await client.send({ method: "PUT", url, what, headers, ...(size > 0 && { body }) });
  if (answer.status !== 201 && answer.status !== 204) throw await sessionFailure(client, what, answer);
  await answer.discard();
  const stored = answer.headers["docker-content-digest"];
  if (stored === undefined || stored === digest) return;
  throw new CambiumError("DIGEST_INVALID", `${client.name}: stored ${stored} for ${digest}`, {
    hint: "The registry, or a proxy before it, changes what it is sent; push to it directly.",
  });
}

/** Thrown when the registry, or something before it, takes no body of this size. */
export class BodyTooLarge extends FetchFailure {}

/** A session that is lost or went wrong is begun anew; a body that is too large is sent in parts. */
async function sessionFailure(
  client: RepositoryClient,
  what: string,
  answer: RegistryResponse,
): Promise<CambiumError | FetchFailure> {
  const said = await client.readError(answer);
  const { status } = said;
  const error = registryError(`${client.name}: ${what}`, said);
  const verdict = { error, retry: "again" as const, reason: `HTTP ${status}` };
  if (status === 413) return new BodyTooLarge({ ...verdict, retryAfterMs: 0 });
  const isLost =
    status === 404 ||
    status === 416 ||
    /^(BLOB_UPLOAD_(UNKNOWN|INVALID)|DIGEST_INVALID|SIZE_INVALID)$/.test(error.code);
  return isLost ? new FetchFailure(verdict) : error;
}

function lost(client: RepositoryClient, what: string, reason: string): FetchFailure {
  const error = new CambiumError(
    "BLOB_UPLOAD_INVALID",
    `${client.name}: ${what}: the registry lost bytes: ${reason}`,
    {
      hint: "The registry, or a proxy before it, does not keep what it is sent; look at its log.",
    },
  );
  return new FetchFailure({ error, retry: "again", reason });
}

/** What the answer says of the session; `known` is what it does not repeat. */
function sessionFrom(
  client: RepositoryClient,
  answer: RegistryResponse,
  known: Omit<UploadSession, "location"> & { readonly location?: URL },
): UploadSession {
  const given = answer.headers.location;
  const location = given === undefined ? known.location : URL.parse(given, answer.url);
  if (!location || !/^https?:$/.test(location.protocol)) {
    throw new CambiumError(
      "REGISTRY_ANSWER",
      `${client.name}: the registry began an upload without an address`,
      {
        hint: "Check proxies before the registry.",
      },
    );
  }
  const least = Number(answer.headers["oci-chunk-min-length"]);
  const isGiven = Number.isSafeInteger(least) && least > 0;
  return { location, offset: known.offset, minChunkBytes: isGiven ? least : known.minChunkBytes };
}

/** `Range: 0-<last byte>`; `0-0` is what registries say of nothing. */
function receivedBytes(answer: RegistryResponse, expected?: number): number | undefined {
  const match = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.headers.range ?? "");
  if (match === null) return undefined;
  const last = Number(match[1]);
  return last === 0 && expected !== 1 ? 0 : last + 1;
}
