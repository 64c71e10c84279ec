import type { Digest } from "../../../layer/digest.ts";
import { splitCredentials, type UrlCredentials } from "../index/credentials.ts";
import type { NormalizedName } from "../lock.ts";
import { parseRequirement, type Requirement } from "../standards/requirement.ts";

/** One dependency specifier as someone wrote it; its URL is free of credentials. */
export type WantedRequirement = {
  readonly requirement: Requirement;
  /** File and line, or field. */
  readonly where: string;
  /** What `--hash` demands of the archive; empty: nothing. */
  readonly hashes: readonly Digest[];
};

/** A project folder that is wanted as an editable install; its own dependencies are the caller's to read. */
export type WantedProject = {
  /** Absolute. */
  readonly path: string;
  readonly extras: readonly NormalizedName[];
  readonly where: string;
};

/** What one or several inputs ask for. Plain data: what is hashed and resolved. */
export type Wanted = {
  readonly requirements: readonly WantedRequirement[];
  readonly constraints: readonly WantedRequirement[];
  /** uv's `override-dependencies`: replace what any distribution says of that name. */
  readonly overrides: readonly WantedRequirement[];
  /** PEP 440 specifier of `requires-python`. */
  readonly requiresPython?: string;
  /** pip's hash-checking mode. Absent: on as soon as one requirement has a `--hash`. */
  readonly hashChecking?: "always" | "never";
};

/** Reads a specifier and takes the credentials out of its URL before anything else sees it. */
export function wantedRequirement(
  text: string,
  where: string,
  credentials: UrlCredentials[],
  hashes: readonly Digest[] = [],
): WantedRequirement {
  const clean = takeCredentials(text, credentials);
  return { requirement: parseRequirement(clean, where), where, hashes };
}

const URL_LIKE = /[a-z][a-z0-9+.-]*:\/\/[^\s]*/gi;

/** `text` without the user name and password of any URL in it; they are added to `found`. */
export function takeCredentials(text: string, found: UrlCredentials[]): string {
  return text.replace(URL_LIKE, (written) => {
    const { url, credentials } = splitCredentials(written);
    if (credentials !== undefined) found.push({ ...credentials, url: url.replace(/#.*$/s, "") });
    return url;
  });
}
