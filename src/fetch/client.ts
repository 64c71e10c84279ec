import { gunzipSync } from "node:zlib";
import type { Dispatcher } from "undici";
import { CambiumError } from "../errors.ts";
import type { Emit } from "../events.ts";
import { createDispatchers, type Dispatchers } from "./dispatcher.ts";
import { FetchFailure, failureFromStatus, failureFromThrown, interrupted } from "./failure.ts";
import { createGate, type Gate } from "./gate.ts";
import { nextHop, parseHttpUrl } from "./hop.ts";
import { redactUrl } from "./redact.ts";
import { downloadRetries, type RetryPolicy, withRetries } from "./retry.ts";
import { authorizationFrom, credentialsIn, type HttpSettings } from "./settings.ts";
import { withoutStalls } from "./stall.ts";

export type Headers = Readonly<Record<string, string>>;

export type RequestOptions = {
  /** What is fetched, for messages: a file name, `index of numpy`. */
  readonly name: string;
  /** Default GET. */
  readonly method?: Dispatcher.HttpMethod;
  /** Lower-case names. */
  readonly headers?: Headers;
  readonly body?: Dispatcher.RequestOptions["body"];
  readonly signal?: AbortSignal | undefined;
  /** No credentials from the settings; those in the URL or in `headers` still go. */
  readonly isAnonymous?: boolean;
  /** How long the server may think before it answers; default: the idle timeout. */
  readonly answerTimeoutMs?: number;
};

/** Read `body` to its end or call `discard`, else the connection is lost. `url` is the last one, redacted by nobody. */
export type Response = {
  readonly status: number;
  /** Lower-case names; a header that came several times is joined by `, `. */
  readonly headers: Headers;
  readonly url: string;
  readonly sentCredentials: boolean;
  readonly body: AsyncIterable<Uint8Array>;
  discard(): Promise<void>;
};

export type DocumentOptions = RequestOptions & {
  readonly maxBytes: number;
  /** A 404 or 410 is an answer and not an error. */
  readonly allow404?: boolean;
};

export type Document = {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  /** After redirects, for relative links; may hold credentials. */
  readonly url: string;
};

export type HttpClient = {
  readonly retryPolicy: RetryPolicy;
  readonly emit: Emit;
  /** Holds a place among the downloads that may run at once. */
  readonly gate: Gate;
  /**
   * One attempt. Follows up to 5 redirects for GET and HEAD; any status is an answer.
   * @throws FetchFailure; CambiumError `URL_UNSUPPORTED`, `FETCH_REDIRECT`; the signal's reason.
   */
  request(url: string, options: RequestOptions): Promise<Response>;
  /**
   * A small document, whole in memory; gzip is undone. A 304 (asked for with headers of yours) is an answer.
   * @throws CambiumError `SIZE_INVALID` beyond `maxBytes`, `FETCH_NOT_FOUND`, `FETCH_UNAUTHORIZED`, `FETCH_FAILED`,
   * `FETCH_UNREACHABLE`, `FETCH_INTERRUPTED`, `FETCH_REDIRECT`, `URL_UNSUPPORTED`.
   */
  document(url: string, options: DocumentOptions): Promise<Document>;
  /** Size by HEAD. @throws as `document`. */
  head(
    url: string,
    options: RequestOptions,
  ): Promise<{ status: number; headers: Headers; sizeBytes?: number }>;
  /**
   * Bytes `start` to `end` (not included). @throws as `document`; `RANGE_UNSUPPORTED` when the server sends the whole.
   */
  range(url: string, start: number, end: number, options: RequestOptions): Promise<Uint8Array>;
  close(): Promise<void>;
};

const MAX_REDIRECTS = 5;
const DEFAULT_IDLE_TIMEOUT_MS = 30_000;

/** Costs nothing until the first request. */
export function createHttpClient(settings: HttpSettings, emit: Emit): HttpClient {
  const connections = settings.maxConcurrent ?? 8;
  const idleTimeoutMs = settings.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS;
  const acceptsAnyCertificate = settings.acceptsAnyCertificate === true;
  const dispatchers = createDispatchers(settings.env, { connections, idleTimeoutMs, acceptsAnyCertificate });
  const retryPolicy = { retries: settings.retries ?? 5, backoffMs: settings.backoffMs ?? 500 };
  const request: HttpClient["request"] = (url, options) => send(dispatchers, settings, url, options);

  function retried<T>(url: string, options: RequestOptions, attempt: () => Promise<T>): Promise<T> {
    const subject = downloadRetries(emit, redactUrl(url), options.name, options.signal);
    return withRetries(retryPolicy, subject, attempt);
  }

  return {
    retryPolicy,
    emit,
    gate: createGate(connections),
    request,
    document: (url, options) => retried(url, options, () => document(request, url, options)),
    head: (url, options) =>
      retried(url, options, async () => {
        const answer = await request(url, { ...options, method: "HEAD", headers: plain(options.headers) });
        await answer.discard();
        if (answer.status !== 200) throw failureFromStatus(options.name, answer, Date.now());
        const sizeBytes = lengthFrom(answer.headers);
        const { status, headers } = answer;
        return { status, headers, ...(sizeBytes === undefined ? {} : { sizeBytes }) };
      }),
    range: (url, start, end, options) =>
      retried(url, options, () => range(request, url, start, end, options)),
    close: () => dispatchers.close(),
  };
}

/** The declared length in bytes. */
export function lengthFrom(headers: Headers): number | undefined {
  const text = headers["content-length"];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

async function document(
  request: HttpClient["request"],
  url: string,
  options: DocumentOptions,
): Promise<Document> {
  const headers = { "accept-encoding": "gzip", ...options.headers };
  const answer = await request(url, { ...options, headers });
  const { status } = answer;
  const isMissing = options.allow404 === true && (status === 404 || status === 410);
  if (isMissing || status === 304) {
    await answer.discard();
    return { status, headers: answer.headers, bytes: new Uint8Array(0), url: answer.url };
  }
  if (status < 200 || status > 299) {
    await answer.discard();
    throw failureFromStatus(options.name, answer, Date.now());
  }
  const raw = await readAll(answer, url, options);
  const isPacked = headers["accept-encoding"] === "gzip" && answer.headers["content-encoding"] === "gzip";
  const bytes = isPacked ? unpacked(raw, url, options) : raw;
  return { status, headers: answer.headers, bytes, url: answer.url };
}

async function range(
  request: HttpClient["request"],
  url: string,
  start: number,
  end: number,
  options: RequestOptions,
): Promise<Uint8Array> {
  const headers = { ...plain(options.headers), range: `bytes=${start}-${end - 1}` };
  const answer = await request(url, { ...options, headers });
  const begins = /^bytes (\d+)-/.exec(answer.headers["content-range"] ?? "")?.[1];
  if (answer.status === 206 && begins === String(start)) {
    const bytes = await readAll(answer, url, { ...options, maxBytes: end - start });
    if (bytes.byteLength === end - start) return bytes;
    throw new CambiumError(
      "SIZE_INVALID",
      `${options.name}: got ${bytes.byteLength} of ${end - start} bytes at ${start}: ${redactUrl(url)}`,
    );
  }
  await answer.discard();
  if (answer.status >= 400 && answer.status !== 416)
    throw failureFromStatus(options.name, answer, Date.now());
  throw new CambiumError(
    "RANGE_UNSUPPORTED",
    `${options.name}: no bytes ${start} to ${end} (HTTP ${answer.status}): ${redactUrl(url)}`,
    { hint: "Download the whole file instead." },
  );
}

/** One request and the redirects after it. */
async function send(
  dispatchers: Dispatchers,
  settings: HttpSettings,
  first: string,
  options: RequestOptions,
): Promise<Response> {
  const start = parseHttpUrl(first, options.name);
  const method = options.method ?? "GET";
  let url = start;
  for (let hops = 0; ; hops++) {
    const headers: Record<string, string> = { "user-agent": settings.userAgent ?? "cambium" };
    const isSameOrigin = url.origin === start.origin;
    for (const [header, value] of Object.entries(options.headers ?? {})) {
      if (isSameOrigin || !/^(authorization|cookie)$/.test(header)) headers[header] = value;
    }
    const given = isSameOrigin ? credentialsIn(start) : undefined;
    const credentials = given ?? (options.isAnonymous === true ? undefined : settings.credentials?.(url));
    if (credentials !== undefined) headers.authorization ??= authorizationFrom(credentials);
    const windowMs = settings.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS;
    const answer = await exchange(dispatchers, url, method, headers, options, windowMs);
    const next = method === "GET" || method === "HEAD" ? nextHop(answer, url, options.name) : undefined;
    if (next === undefined) return answer;
    await answer.discard();
    if (hops === MAX_REDIRECTS) {
      throw new CambiumError(
        "FETCH_REDIRECT",
        `${options.name}: more than ${MAX_REDIRECTS} redirects, the last to ${redactUrl(next)}`,
        { hint: "Use the address that it ends at." },
      );
    }
    url = next;
  }
}

async function exchange(
  dispatchers: Dispatchers,
  url: URL,
  method: Dispatcher.HttpMethod,
  headers: Headers,
  options: RequestOptions,
  windowMs: number,
): Promise<Response> {
  const dispatcher = await dispatchers.for(url);
  try {
    const answer = await dispatcher.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: { ...headers },
      body: options.body ?? null,
      signal: options.signal ?? null,
      // As much of each of 8 downloads may wait to be taken, and becomes garbage that has grown old meanwhile.
      highWaterMark: 1 << 18,
      // undici by itself gives a connection up after HEAD, for servers that send a body all the same. A push asks HEAD for
      // each layer: a new connection, over TLS 2 to 3 round trips, for each of them.
      reset: false,
      ...(options.answerTimeoutMs === undefined ? {} : { headersTimeout: options.answerTimeoutMs }),
    });
    return {
      status: answer.statusCode,
      headers: joined(answer.headers),
      url: url.href,
      sentCredentials: headers.authorization !== undefined,
      body: bodyOf(answer.body, options, url.href, windowMs),
      discard: () => answer.body.dump({ limit: 128 << 10 }),
    };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw failureFromThrown(options.name, url.href, error);
  }
}

async function* bodyOf(
  source: AsyncIterable<Uint8Array>,
  options: RequestOptions,
  url: string,
  windowMs: number,
): AsyncGenerator<Uint8Array> {
  const limits = { windowMs, now: () => performance.now() };
  try {
    yield* withoutStalls(source, limits, (reason) => interrupted(options.name, url, reason));
  } catch (error) {
    options.signal?.throwIfAborted();
    throw failureFromThrown(options.name, url, error);
  }
}

async function readAll(
  answer: Response,
  url: string,
  options: { name: string; maxBytes: number; signal?: AbortSignal | undefined },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = lengthFrom(answer.headers) ?? 0;
  if (size <= options.maxBytes) {
    size = 0;
    for await (const chunk of answer.body) {
      size += chunk.byteLength;
      if (size > options.maxBytes) break;
      chunks.push(chunk);
    }
  } else {
    await answer.discard();
  }
  if (size > options.maxBytes) throw tooLarge(url, options);
  return Buffer.concat(chunks);
}

function unpacked(raw: Uint8Array, url: string, options: DocumentOptions): Uint8Array {
  try {
    return gunzipSync(raw, { maxOutputLength: options.maxBytes });
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(url, options);
    throw new FetchFailure({
      error: new CambiumError("FETCH_FAILED", `${options.name}: damaged gzip: ${redactUrl(url)}`, {
        cause: error,
      }),
      retry: "again",
      reason: "damaged gzip",
    });
  }
}

function tooLarge(url: string, options: { name: string; maxBytes: number }): CambiumError {
  return new CambiumError(
    "SIZE_INVALID",
    `${options.name}: larger than the ${options.maxBytes} bytes allowed: ${redactUrl(url)}`,
    { hint: "Check the address: this is not what such a document looks like." },
  );
}

function plain(headers: Headers = {}): Headers {
  return { "accept-encoding": "identity", ...headers };
}

function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return result;
}
