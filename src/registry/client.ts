import type { IncomingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import { CambiumError, environmentError, messageOf } from "../errors.ts";
import { createDispatchers, type Dispatchers } from "../fetch/dispatcher.ts";

export type RegistryRequest = {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  /** Path below the registry, or a whole URL that the registry gave. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: AsyncIterable<Uint8Array> | Uint8Array;
};

export type RegistryResponse = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type ClientOptions = {
  /** The caller's environment, for proxies and the CA bundle. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  /** Waits before another attempt, in ms; its length is the number of further attempts. */
  readonly retryWaitsMs?: readonly number[];
};

/** Two retries bridge a restart of a proxy; a registry that is down should be said soon. */
const RETRY_WAITS_MS = [300, 1500];
/** What the registry asks to wait is obeyed up to here. */
const MAX_WAIT_MS = 30_000;
const MAX_ERROR_BYTES = 64 * 1024;
/** A registry may copy a large blob to its storage before it answers. */
const LIMITS = { connections: 8, idleTimeoutMs: 300_000 };
/** Where the API of the default registry is. */
const API_HOSTS: Readonly<Record<string, string>> = { "docker.io": "registry-1.docker.io" };

/** Carries an error of the caller's body past the judging of connection errors. */
class BodyFailure extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

/** Talks to one registry (distribution-spec), without credentials; plain HTTP on loopback hosts only. */
export class RegistryClient {
  readonly registry: string;
  readonly #base: string;
  readonly #options: ClientOptions;
  readonly #dispatchers: Dispatchers;

  constructor(registry: string, options: ClientOptions) {
    this.registry = registry;
    const isLocal = isLoopback(registry);
    this.#base = `${isLocal ? "http" : "https"}://${API_HOSTS[registry] ?? registry}`;
    this.#options = options;
    // No proxy reaches this machine's own loopback.
    this.#dispatchers = createDispatchers(isLocal ? {} : options.env, LIMITS);
  }

  async close(): Promise<void> {
    await this.#dispatchers.close();
  }

  /** One request without a body, or with one that can be sent again; otherwise as `retrying`. */
  send(call: RegistryRequest): Promise<RegistryResponse> {
    return this.retrying(() => this.sendOnce(call));
  }

  /**
   * Runs `attempt` until an answer comes that is worth looking at: 5xx, 429 and broken connections are tried again.
   * @throws CambiumError `REGISTRY_UNREACHABLE`, and what `attempt` throws.
   */
  async retrying(attempt: () => Promise<RegistryResponse>): Promise<RegistryResponse> {
    const waits = this.#options.retryWaitsMs ?? RETRY_WAITS_MS;
    for (let number = 0; ; number++) {
      const wait = waits[number];
      try {
        const response = await attempt();
        if (wait === undefined || !isTransient(response.status)) return response;
        await this.#pause(Math.max(wait, retryAfterMs(response)));
      } catch (error) {
        if (error instanceof BodyFailure) throw error.cause;
        if (error instanceof CambiumError || this.#options.signal?.aborted === true) throw error;
        if (wait === undefined || !isConnectionError(error)) throw this.#unreachable(error);
        await this.#pause(wait);
      }
    }
  }

  /** @throws CambiumError `UNAUTHORIZED`, `DENIED`, and what the body throws. */
  async sendOnce(call: RegistryRequest): Promise<RegistryResponse> {
    const { signal } = this.#options;
    const url = new URL(call.url, this.#base);
    const dispatcher = await this.#dispatchers.for(url);
    let bodyError: unknown;
    const body =
      call.body instanceof Uint8Array || call.body === undefined
        ? call.body
        : watched(call.body, (error) => {
            bodyError = error;
          });
    try {
      const response = await dispatcher.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: call.method,
        ...(call.headers === undefined ? {} : { headers: { ...call.headers } }),
        ...(body === undefined ? {} : { body: body instanceof Uint8Array ? body : Readable.from(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
      const { statusCode: status, headers } = response;
      return this.#judged({ status, headers, body: await boundedText(response.body) }, call);
    } catch (error) {
      // What the body could not give is the cause, not the connection that broke for it.
      throw bodyError === undefined ? error : new BodyFailure(bodyError);
    }
  }

  /** The error for an answer that the caller cannot use. The registry's own words are bounded and in one line. */
  statusError(call: RegistryRequest, response: RegistryResponse): CambiumError {
    const { code, message } = firstError(response.body);
    const what = `${call.method} ${pathOf(call.url)}`;
    const said = message === "" ? "" : `: ${message}`;
    return new CambiumError(
      code ?? "REGISTRY_ANSWER",
      `${this.registry}: ${what} gave ${response.status}${said}`,
      {
        hint:
          response.status >= 500
            ? "The registry failed; try again, or look at its log."
            : "Check the reference, and what the registry allows.",
      },
    );
  }

  #judged(response: RegistryResponse, call: RegistryRequest): RegistryResponse {
    if (response.status === 401) {
      throw new CambiumError(
        "UNAUTHORIZED",
        `${this.registry}: it wants credentials for ${pathOf(call.url)}`,
        {
          hint:
            "Credentials for registries come with the full client. Until then push to a registry without login, " +
            "or write -o type=oci,dest=./image and copy it with skopeo.",
        },
      );
    }
    if (response.status === 403) {
      const { message } = firstError(response.body);
      throw new CambiumError("DENIED", `${this.registry}: access denied: ${message || pathOf(call.url)}`, {
        hint: "Push to a repository that you may write.",
      });
    }
    return response;
  }

  async #pause(waitMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { signal } = this.#options;
    const timer = setTimeout(resolve, waitMs);
    const stop = () => reject(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  #unreachable(error: unknown): CambiumError {
    const isTls = /SSL|TLS|EPROTO|CERT/i.test(`${codeOf(error)} ${messageOf(error)}`);
    return environmentError(
      "REGISTRY_UNREACHABLE",
      `cannot reach the registry ${this.registry}: ${causeOf(error)}`,
      isTls
        ? "Plain HTTP is for localhost and 127.x.x.x only. For a private CA, name its file in SSL_CERT_FILE."
        : "Check the host and port of the tag, the network and the proxy settings.",
      error,
    );
  }
}

/** Hosts that only this machine can be. */
export function isLoopback(registry: string): boolean {
  const host = registry.startsWith("[") ? registry.slice(1, registry.indexOf("]")) : registry.split(":")[0]!;
  return (
    host === "localhost" || host.endsWith(".localhost") || /^127(\.\d{1,3}){3}$/.test(host) || host === "::1"
  );
}

function isTransient(status: number): boolean {
  return status === 429 || status === 500 || status === 502 || status === 503 || status === 504;
}

function retryAfterMs(response: RegistryResponse): number {
  const seconds = Number(response.headers["retry-after"]);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, MAX_WAIT_MS) : 0;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** A failed connection to several addresses is an AggregateError without a message. */
function causeOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(", ");
  return messageOf(error) || codeOf(error);
}

function isConnectionError(error: unknown): boolean {
  return /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EAI_AGAIN|UND_ERR_(SOCKET|CONNECT_TIMEOUT|HEADERS_TIMEOUT|BODY_TIMEOUT))$/.test(
    codeOf(error),
  );
}

/** Without the query, which may hold an upload's state. */
function pathOf(url: string): string {
  return new URL(url, "http://registry.invalid").pathname;
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

async function boundedText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    if (size < MAX_ERROR_BYTES) chunks.push(chunk);
    size += chunk.byteLength;
  }
  return Buffer.concat(chunks).subarray(0, MAX_ERROR_BYTES).toString("utf8");
}

/** distribution-spec, error codes: `{"errors":[{"code","message"}]}`. */
function firstError(body: string): { readonly code?: string; readonly message: string } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return { message: oneLine(body) };
  }
  const errors =
    typeof parsed === "object" && parsed !== null && "errors" in parsed ? parsed.errors : undefined;
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  if (typeof first !== "object" || first === null) return { message: "" };
  const code = "code" in first && /^[A-Z_]{2,40}$/.test(String(first.code)) ? String(first.code) : undefined;
  const message = "message" in first ? oneLine(String(first.message)) : "";
  return code === undefined ? { message } : { code, message };
}

function oneLine(text: string): string {
  return text
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, 200);
}
