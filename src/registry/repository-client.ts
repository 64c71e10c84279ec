import { CambiumError, environmentError } from "../errors.ts";
import type { Headers, Response } from "../fetch/client.ts";
import { FetchFailure, retryAfterFrom } from "../fetch/failure.ts";
import { withRetries } from "../fetch/retry.ts";
import type { RegistryAccess } from "./access.ts";
import type { AuthSubject } from "./auth/authorizer.ts";
import { type Action, joinScopes, repositoryScope } from "./auth/scope.ts";
import type { Endpoint } from "./endpoint.ts";
import { registryError } from "./registry-error.ts";

export type RegistryRequest = {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below `/v2/<repository>/`, or a whole URL that the registry gave. */
  readonly url: string | URL;
  /** For messages: `manifest 1.0`, `blob sha256:…`. */
  readonly what: string;
  readonly headers?: Headers;
  /** Begun anew for each attempt. */
  readonly body?: () => AsyncIterable<Uint8Array> | Uint8Array;
  /** Another repository of the same registry that is read from. */
  readonly alsoPull?: string;
};

/** Read `body` or call `discard`. */
export type RegistryResponse = Response;

const MAX_ERROR_BYTES = 64 * 1024;

/** Requests to one repository at one place, with what authorises them. */
export class RepositoryClient {
  readonly access: RegistryAccess;
  readonly endpoint: Endpoint;
  readonly #action: Action;

  constructor(access: RegistryAccess, endpoint: Endpoint, action: Action) {
    this.access = access;
    this.endpoint = endpoint;
    this.#action = action;
  }

  /** For messages: `registry.example/team/app`. */
  get name(): string {
    return `${this.endpoint.registry}/${this.endpoint.repository}`;
  }

  /**
   * One attempt; after a 401, one more with other credentials. Any status but 401 is an answer.
   * @throws FetchFailure for what may pass (connection, 429, 5xx); CambiumError `UNAUTHORIZED`, `FETCH_REDIRECT`,
   *   `TOKEN_INVALID`, `CREDENTIALS_UNREADABLE`, `CREDENTIAL_HELPER_FAILED`; what the body throws.
   */
  async send(request: RegistryRequest): Promise<RegistryResponse> {
    const { authorizer } = this.access;
    const origin = await this.access.originUrl(this.endpoint);
    const url = this.#resolve(request.url, origin);
    // A session that the registry keeps elsewhere must not have its credentials.
    const subject = url.origin === new URL(origin).origin ? this.#subject(request, origin) : undefined;
    const sent = subject && (await authorizer.header(subject));
    let answer = await this.#exchange(request, url, sent);
    if (answer.status === 401 && subject !== undefined) {
      const challenge = answer.headers["www-authenticate"];
      const { body } = await this.readError(answer);
      const renewed = await authorizer.renewed(subject, challenge, sent);
      if (renewed === undefined) throw await this.#unauthorized(request, subject, body);
      answer = await this.#exchange(request, url, renewed);
      if (answer.status === 401)
        throw await this.#unauthorized(request, subject, (await this.readError(answer)).body);
    }
    if (isTransient(answer.status)) throw await this.#transient(request, answer);
    return answer;
  }

  /** As `send`, tried again while there is hope; an answer of another status than `expected` is the registry's error. */
  request(request: RegistryRequest, expected: readonly number[]): Promise<RegistryResponse> {
    return this.retrying(request.what, async () => {
      const answer = await this.send(request);
      if (!expected.includes(answer.status)) throw await this.error(request.what, answer);
      return answer;
    });
  }

  /** Tells of retries as a download's. */
  retrying<T>(what: string, attempt: (number: number) => Promise<T>): Promise<T> {
    const { emit, retryPolicy, signal } = this.access;
    const name = `${this.name}: ${what}`;
    const tell = (reason: string, waitMs: number) =>
      emit({ type: "download-retry", id: name, name, reason, waitMs });
    return withRetries(retryPolicy, { signal, tell }, attempt);
  }

  /** The registry's error for an answer; reads its body. */
  async error(what: string, answer: RegistryResponse): Promise<CambiumError> {
    return registryError(`${this.name}: ${what}`, await this.readError(answer));
  }

  /** The beginning of an error's body without secrets. */
  async readError(answer: RegistryResponse): Promise<{ readonly status: number; readonly body: string }> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of answer.body) {
        chunks.push(chunk);
        size += chunk.byteLength;
        if (size >= MAX_ERROR_BYTES) break;
      }
    } catch (error) {
      // The status says enough when the rest of it is lost.
      if (!(error instanceof FetchFailure)) throw error;
    }
    const text = Buffer.concat(chunks).subarray(0, MAX_ERROR_BYTES).toString("utf8");
    return { status: answer.status, body: this.access.authorizer.redact(text) };
  }

  async #exchange(
    request: RegistryRequest,
    url: URL,
    authorization: string | undefined,
  ): Promise<RegistryResponse> {
    const { signal, answerTimeoutMs } = this.access;
    const source = request.body?.();
    let bodyError: { readonly cause: unknown } | undefined;
    const body =
      source === undefined || source instanceof Uint8Array
        ? source
        : watched(source, (cause) => {
            bodyError = { cause };
          });
    try {
      const answer = await this.access.clientFor(this.endpoint).request(url.href, {
        name: `${this.name}: ${request.what}`,
        method: request.method,
        headers: {
          "accept-encoding": "identity",
          ...request.headers,
          ...(authorization && { authorization }),
        },
        signal,
        isAnonymous: true,
        ...(body !== undefined && { body: await requestBody(body), answerTimeoutMs }),
      });
      return { ...answer, body: this.#named(answer.body) };
    } catch (error) {
      // What the body could not give is the cause, not the connection that broke for it.
      if (bodyError !== undefined) throw bodyError.cause;
      throw this.#failure(error);
    }
  }

  async *#named(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** What went wrong below, as the registry's trouble and not a download's. */
  #failure(thrown: unknown): unknown {
    if (!(thrown instanceof FetchFailure)) return thrown;
    const { verdict } = thrown;
    const { code, cause, message } = verdict.error;
    if (code === "FETCH_UNREACHABLE") {
      const error = environmentError(
        "REGISTRY_UNREACHABLE",
        `cannot reach the registry ${this.endpoint.registry}: ${verdict.reason}`,
        /cert|tls|ssl/i.test(`${message} ${verdict.reason}`)
          ? "For a private CA, name its file in SSL_CERT_FILE; for a registry without one, --registry-insecure HOST."
          : "Check the host and port, the network and the proxy settings; --registry-insecure HOST for plain HTTP.",
        cause,
      );
      return new FetchFailure({ ...verdict, error });
    }
    const error = environmentError(
      "REGISTRY_INTERRUPTED",
      `${this.name}: the connection to the registry broke off: ${verdict.reason}`,
      "Check the network and try again; what the registry has is not sent again.",
      cause,
    );
    return new FetchFailure({ ...verdict, error });
  }

  async #transient(request: RegistryRequest, answer: RegistryResponse): Promise<FetchFailure> {
    const retryAfterMs = retryAfterFrom(answer.headers["retry-after"], Date.now());
    return new FetchFailure({
      error: await this.error(request.what, answer),
      retry: "again",
      reason: `HTTP ${answer.status}`,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });
  }

  async #unauthorized(request: RegistryRequest, subject: AuthSubject, body: string): Promise<CambiumError> {
    const { registry } = this.endpoint;
    const from = await this.access.authorizer.provenance(subject);
    const what = `${this.name}: ${request.what}`;
    const { message } = registryError(what, { status: 401, body });
    return from === undefined
      ? new CambiumError("UNAUTHORIZED", `${message}; no credentials for ${registry} are known`, {
          hint: `Log in: docker login ${registry}, or podman login ${registry}.`,
        })
      : new CambiumError("UNAUTHORIZED", `${message}; credentials from ${from} were not enough`, {
          hint: `Log in again, or with an account that may: docker login ${registry}, or podman login ${registry}.`,
        });
  }

  #subject(request: RegistryRequest, origin: string): AuthSubject {
    const { registry, repository } = this.endpoint;
    const own = repositoryScope(repository, this.#action);
    const { alsoPull } = request;
    const scopes = alsoPull === undefined ? own : joinScopes(own, repositoryScope(alsoPull, "pull"));
    return { origin, registry, repository, scopes };
  }

  /** Registries behind a proxy that ends TLS may give addresses with http; theirs is meant. */
  #resolve(text: string | URL, origin: string): URL {
    const isOwn = typeof text === "string" && !/^(?:https?:|\/)/i.test(text);
    const url = new URL(isOwn ? `/v2/${this.endpoint.repository}/${text}` : text, origin);
    if (origin.startsWith("https:") && url.protocol === "http:") {
      if (url.hostname !== new URL(origin).hostname) {
        throw new CambiumError("FETCH_REDIRECT", `${this.name}: refused to leave TLS for ${url.origin}`, {
          hint: "The registry names an address without TLS for its uploads; correct its external address.",
        });
      }
      return new URL(`${url.pathname}${url.search}`, origin);
    }
    return url;
  }
}

async function requestBody(body: AsyncIterable<Uint8Array> | Uint8Array) {
  if (body instanceof Uint8Array) return body;
  const { Readable } = await import("node:stream");
  return Readable.from(body, { objectMode: false, highWaterMark: 1 << 18 });
}

function isTransient(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

async function* watched(
  source: AsyncIterable<Uint8Array>,
  fail: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (error) {
    fail(error);
    throw error;
  }
}
