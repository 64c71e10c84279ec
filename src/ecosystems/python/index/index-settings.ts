import type { NormalizedName } from "../lock.ts";
import type { WantedRequirement } from "../requirements/wanted.ts";
import type { UrlCredentials } from "./credentials.ts";

/**
 * `simple`: PEP 503 or 691. `links`: a page or folder of archives whose versions stand beside those of every index
 * (find-links). `flat`: the same as an index of its own (uv's `format = "flat"`).
 */
export type IndexKind = "simple" | "links" | "flat";

/** A package index or a page of links, free of credentials. */
export type PackageIndex = {
  /** Unique; as the user named it, else made up. */
  readonly name: string;
  /** Absolute `http:`, `https:` or `file:` URL. */
  readonly url: string;
  readonly kind: IndexKind;
  /** Asked last, in place of the resolver's own default. */
  readonly isDefault: boolean;
  /** Used only for distributions that `sources` sends to it. */
  readonly isExplicit: boolean;
  /** File and line, variable or flag. */
  readonly where: string;
  /** HTTP statuses that mean "not here" instead of a failure (uv's `ignore-error-codes`). */
  readonly ignoredStatuses?: readonly number[];
};

/** Sends a distribution to an index by its name, wherever `marker` holds (an entry of uv's `sources`). */
export type IndexSource = { readonly index: string; readonly marker?: string };

export const indexStrategies = ["first-index", "unsafe-first-match", "unsafe-best-match"] as const;
export type IndexStrategy = (typeof indexStrategies)[number];
export const prereleaseModes = [
  "disallow",
  "allow",
  "if-necessary",
  "explicit",
  "if-necessary-or-explicit",
] as const;
export type PrereleaseMode = (typeof prereleaseModes)[number];
export const resolutionModes = ["highest", "lowest", "lowest-direct"] as const;
export type ResolutionMode = (typeof resolutionModes)[number];

/** What all configuration comes down to. Plain data without secrets, but for `credentials`: never write that. */
export type IndexSettings = {
  /** In the order they are asked; the default one last. Without a default the resolver's own is used. */
  readonly indexes: readonly PackageIndex[];
  readonly noIndex: boolean;
  /** Distribution → where it must come from. */
  readonly sources: Readonly<Record<string, readonly IndexSource[]>>;
  readonly strategy: IndexStrategy;
  readonly prerelease?: PrereleaseMode;
  readonly prereleasePackages: Readonly<Record<string, PrereleaseMode>>;
  readonly resolution?: ResolutionMode;
  /** RFC 3339 time or date, or what uv takes for one. */
  readonly excludeNewer?: string;
  readonly excludeNewerPackages: Readonly<Record<string, string>>;
  /** Distributions that must not come from a wheel: resolving one fails, since nothing is built. */
  readonly noBinary: readonly NormalizedName[];
  readonly keyring: "disabled" | "subprocess";
  /** `host` or `host:port` whose certificate is not checked. */
  readonly insecureHosts: readonly string[];
  /** PEM file that replaces the usual certificate authorities. */
  readonly caFile?: string;
  /** PEM file with certificate and key. */
  readonly clientCertificate?: string;
  readonly usesSystemCertificates?: boolean;
  /** May hold credentials. */
  readonly proxy?: string;
  readonly timeoutSec?: number;
  readonly retries?: number;
  /** pip's and uv's `require-hashes`. */
  readonly requiresHashes?: boolean;
  /** Added to those of the inputs. */
  readonly constraints: readonly WantedRequirement[];
  readonly overrides: readonly WantedRequirement[];
  readonly credentials: readonly UrlCredentials[];
};

/** Nothing configured: the resolver's own index and habits. */
export const defaultIndexSettings: IndexSettings = {
  indexes: [],
  noIndex: false,
  sources: {},
  strategy: "first-index",
  prereleasePackages: {},
  excludeNewerPackages: {},
  noBinary: [],
  keyring: "disabled",
  insecureHosts: [],
  constraints: [],
  overrides: [],
  credentials: [],
};
