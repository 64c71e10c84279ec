import { CambiumError, usageError } from "../errors.ts";
import { redactUrl } from "./redact.ts";

/** @throws CambiumError `URL_UNSUPPORTED` for what is no http or https URL. */
export function parseHttpUrl(text: string, name: string): URL {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw usageError(
    "URL_UNSUPPORTED",
    `${name}: not an http or https URL: ${redactUrl(text)}`,
    "Write https://host/path.",
  );
}

/**
 * Where a redirect leads; `undefined` if the answer is none. Credentials in the new address are dropped, since a
 * server has no business in choosing them. (RFC 9110 §15.4)
 * @throws CambiumError `FETCH_REDIRECT` to what is no http(s) URL, or from https to http.
 */
export function nextHop(
  answer: { status: number; headers: Readonly<Record<string, string>> },
  from: URL,
  name: string,
): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(answer.status)) return undefined;
  const location = answer.headers.location;
  if (location === undefined) return undefined;
  const next = URL.parse(location, from.href);
  const isAllowed = next?.protocol === "https:" || (next?.protocol === "http:" && from.protocol === "http:");
  if (next === null || !isAllowed) {
    throw new CambiumError(
      "FETCH_REDIRECT",
      `${name}: refused a redirect from ${redactUrl(from)} to ${redactUrl(location)}`,
      { hint: "Only https, or http from http, is followed. Use the address that it should lead to." },
    );
  }
  next.username = "";
  next.password = "";
  return next;
}
