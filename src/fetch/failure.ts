import { CambiumError, environmentError, messageOf } from "../errors.ts";
import { redactUrl } from "./redact.ts";

/** What to do about a failed attempt. `retryAfterMs` is the server's wish. */
export type Verdict = {
  readonly error: CambiumError;
  /** `again`: may pass by itself; `soon`: hardly, so try less often; `never`: it will not. */
  readonly retry: "again" | "soon" | "never";
  /** A few words for progress, without a URL. */
  readonly reason: string;
  readonly retryAfterMs?: number;
};

/** Thrown within this folder: an error with what to do about it. */
export class FetchFailure extends Error {
  readonly verdict: Verdict;

  constructor(verdict: Verdict) {
    super(verdict.error.message);
    this.verdict = verdict;
  }
}

/** A server that says "in an hour" must not hold a build for an hour. */
const MAX_RETRY_AFTER_MS = 60_000;

const unreachable = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_PRX_CONN",
  "UND_ERR_PRX_TLS",
]);

type Answer = {
  readonly status: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly sentCredentials: boolean;
};

/** For an answer that is neither 2xx, 304 nor a redirect. `now` is for a Retry-After that is a date. */
export function failureFromStatus(name: string, answer: Answer, now: number): FetchFailure {
  const where = redactUrl(answer.url);
  const { status } = answer;
  const reason = `HTTP ${status}`;
  if (status === 404 || status === 410) {
    const hint = "Check the address or the version; the file may have been withdrawn or not be mirrored yet.";
    const error = new CambiumError("FETCH_NOT_FOUND", `${name}: not there (${reason}): ${where}`, { hint });
    return new FetchFailure({ error, retry: "never", reason });
  }
  if (status === 401 || status === 403) {
    const sent = answer.sentCredentials
      ? "the credentials that were sent were refused"
      : "no credentials were sent";
    const hint = answer.sentCredentials
      ? "Check the user name, password or token for this host."
      : "Give credentials for this host in .netrc, a keyring or the index URL.";
    const error = new CambiumError("FETCH_UNAUTHORIZED", `${name}: ${sent} (${reason}): ${where}`, { hint });
    return new FetchFailure({ error, retry: "never", reason });
  }
  const mayPass = status === 408 || status === 425 || status === 429 || status >= 500;
  const error = environmentError(
    "FETCH_FAILED",
    `${name}: the server answered ${reason}: ${where}`,
    mayPass ? "The server has trouble: try again later or use a mirror." : "Check the address.",
  );
  const retryAfterMs = retryAfterFrom(answer.headers["retry-after"], now);
  return new FetchFailure({
    error,
    retry: mayPass ? "again" : "never",
    reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** For what undici or the socket threw. CambiumErrors and aborts pass unchanged. */
export function failureFromThrown(name: string, url: string, thrown: unknown): unknown {
  if (thrown instanceof CambiumError || thrown instanceof FetchFailure) return thrown;
  const code = codeOf(thrown);
  if (code === undefined || code === "ABORT_ERR" || code === "UND_ERR_ABORTED") return thrown;
  const where = redactUrl(url);
  if (isCertificate(code)) {
    const error = environmentError(
      "FETCH_UNREACHABLE",
      `${name}: the server's certificate is not trusted (${code}): ${where}`,
      "Name the authority's certificate file in SSL_CERT_FILE.",
      plainCause(thrown),
    );
    return new FetchFailure({ error, retry: "never", reason: code });
  }
  if (unreachable.has(code)) {
    const error = environmentError(
      "FETCH_UNREACHABLE",
      `${name}: cannot reach the server (${code}): ${where}`,
      "Check the network, the address, and HTTPS_PROXY and NO_PROXY.",
      plainCause(thrown),
    );
    return new FetchFailure({ error, retry: "soon", reason: code });
  }
  return interrupted(name, url, wordsFor(code), thrown);
}

/** The answer began and did not end well. */
export function interrupted(name: string, url: string, reason: string, thrown?: unknown): FetchFailure {
  const error = environmentError(
    "FETCH_INTERRUPTED",
    `${name}: the download broke off (${reason}): ${redactUrl(url)}`,
    "Check the network and try again, or use a mirror.",
    plainCause(thrown),
  );
  return new FetchFailure({ error, retry: "again", reason });
}

/** In ms; seconds or a date (RFC 9110 §10.2.3), capped at a minute. */
export function retryAfterFrom(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  if (Number.isNaN(waitMs)) return undefined;
  return Math.min(MAX_RETRY_AFTER_MS, Math.max(0, waitMs));
}

function codeOf(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 4; error = error.cause, depth++) {
    if ("code" in error && typeof error.code === "string") return error.code;
    // Several addresses tried, none answered.
    if (error instanceof AggregateError) return codeOf(error.errors[0]);
  }
  return thrown instanceof TypeError ? undefined : "UNKNOWN";
}

function isCertificate(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_|^ERR_TLS|^ERR_SSL|CRL_/.test(code);
}

function wordsFor(code: string): string {
  if (code === "UND_ERR_BODY_TIMEOUT" || code === "UND_ERR_HEADERS_TIMEOUT") return "no byte for too long";
  if (code === "ECONNRESET" || code === "UND_ERR_SOCKET" || code === "EPIPE") return "connection closed";
  return code;
}

/** An error of undici may carry requests and headers; only its text goes on. */
function plainCause(thrown: unknown): unknown {
  return thrown instanceof Error ? new Error(redacted(messageOf(thrown))) : undefined;
}

function redacted(text: string): string {
  return text.replace(/[a-z][a-z0-9+.-]*:\/\/\S+/gi, (url) => redactUrl(url));
}
