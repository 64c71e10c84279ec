import type { Emit } from "../events.ts";
import { createHttpClient, type HttpClient } from "../fetch/client.ts";
import { FetchFailure } from "../fetch/failure.ts";
import type { RetryPolicy } from "../fetch/retry.ts";
import { Authorizer } from "./auth/authorizer.ts";
import type { CredentialLookup } from "./auth/credentials.ts";
import { BlobHomes } from "./blob-homes.ts";
import type { Endpoint } from "./endpoint.ts";
import { NO_REGISTRY_SETTINGS, type RegistrySettings } from "./settings.ts";

export type AccessOptions = {
  /** The caller's environment: proxies, CA bundle, where credentials are kept. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly settings?: RegistrySettings;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
  /** Further attempts after a failure that may pass, and the first wait. Default 5, 500 ms. */
  readonly retries?: number;
  readonly backoffMs?: number;
  /** No byte for so long, or hardly any, means that the connection is broken. Default 30,000. */
  readonly idleTimeoutMs?: number;
  /** How long a registry may think about a body it was sent. Default 300,000: it may copy a large blob first. */
  readonly answerTimeoutMs?: number;
  /** Parts of an upload that cannot be sent whole. Default 32 MiB. */
  readonly chunkBytes?: number;
  /** Instead of the files of Docker and Podman. */
  readonly credentials?: CredentialLookup;
  /** Ms since 1970, for the life of tokens. */
  readonly now?: () => number;
};

/** Connections, credentials and tokens for all registries of one session. Costs nothing until the first request. */
export type RegistryAccess = {
  readonly settings: RegistrySettings;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
  readonly retryPolicy: RetryPolicy;
  readonly answerTimeoutMs: number;
  readonly chunkBytes: number;
  readonly authorizer: Authorizer;
  readonly blobHomes: BlobHomes;
  /** Uploads that run, by repository and digest, so that two pushes do not send the same bytes. */
  readonly uploads: Map<string, Promise<unknown>>;
  clientFor(endpoint: Endpoint): HttpClient;
  /** `https://host` or `http://host`; an insecure one is asked once which it speaks. */
  originUrl(endpoint: Endpoint): Promise<string>;
  close(): Promise<void>;
};

const CHUNK_BYTES = 32 * 2 ** 20;
const ANSWER_TIMEOUT_MS = 300_000;

export function createRegistryAccess(options: AccessOptions): RegistryAccess {
  const { env, emit, signal, settings = NO_REGISTRY_SETTINGS } = options;
  const http = {
    env,
    ...(options.idleTimeoutMs !== undefined && { idleTimeoutMs: options.idleTimeoutMs }),
    ...(options.retries !== undefined && { retries: options.retries }),
    ...(options.backoffMs !== undefined && { backoffMs: options.backoffMs }),
  };
  const verified = createHttpClient(http, emit);
  const unverified = createHttpClient({ ...http, acceptsAnyCertificate: true }, emit);
  const spoken = new Map<string, Promise<string>>();
  const { retryPolicy } = verified;
  const credentials = options.credentials ?? lookupOnDemand(env, emit, signal);
  return {
    settings,
    emit,
    signal,
    retryPolicy,
    answerTimeoutMs: options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS,
    chunkBytes: options.chunkBytes ?? CHUNK_BYTES,
    blobHomes: new BlobHomes(),
    uploads: new Map(),
    authorizer: new Authorizer({
      httpFor: (host) => (settings.insecureHosts.includes(host) ? unverified : verified),
      credentials,
      retryPolicy,
      signal,
      emit,
      ...(options.now && { now: options.now }),
    }),
    clientFor: ({ transport }) => (transport === "any" ? unverified : verified),
    originUrl({ apiHost, transport }) {
      if (transport !== "any") return Promise.resolve(`${transport}://${apiHost}`);
      const known = spoken.get(apiHost) ?? firstSpoken(unverified, apiHost, signal);
      spoken.set(apiHost, known);
      return known;
    },
    async close() {
      await verified.close();
      await unverified.close();
    },
  };
}

/** Files, their schema and subprocesses are loaded when a registry first wants credentials. */
function lookupOnDemand(
  env: AccessOptions["env"],
  emit: Emit,
  signal: AbortSignal | undefined,
): CredentialLookup {
  let lookup: Promise<CredentialLookup> | undefined;
  return async (registry, repository) => {
    lookup ??= import("./auth/find-credentials.ts").then(({ createCredentialLookup }) =>
      createCredentialLookup(env, emit, signal),
    );
    return (await lookup)(registry, repository);
  };
}

/** TLS where there is any; the error of a host that speaks neither comes with the request that follows. */
async function firstSpoken(http: HttpClient, host: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    const answer = await http.request(`https://${host}/v2/`, { name: host, isAnonymous: true, signal });
    await answer.discard();
    return `https://${host}`;
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof FetchFailure)) throw error;
    return `http://${host}`;
  }
}
