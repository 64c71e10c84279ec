import { usageError } from "../../../errors.ts";

/** A number of a version: a bigint where a double would round (PEP 440 sets no limit; dates with times reach 17 digits). */
type VersionNumber = number | bigint;

/** A version in the parts of PEP 440. Only `parseVersion` and `tryVersion` make one. */
export type Version = {
  readonly epoch: VersionNumber;
  readonly release: readonly VersionNumber[];
  readonly pre?: { readonly phase: "a" | "b" | "rc"; readonly number: VersionNumber };
  readonly post?: VersionNumber;
  readonly dev?: VersionNumber;
  /** Segments as text in lower case, numbers without leading zeros. */
  readonly local?: readonly string[];
};

/** Far above any real one; keeps hostile text from becoming million-digit integers. */
const MAX_LENGTH = 512;

const PATTERN = new RegExp(
  "^v?(?:(\\d+)!)?(\\d+(?:\\.\\d+)*)" +
    "(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\\d*))?" +
    "(?:-(\\d+)|[-_.]?(post|rev|r)[-_.]?(\\d*))?" +
    "(?:[-_.]?(dev)[-_.]?(\\d*))?" +
    "(?:\\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?$",
  "i",
);

const PHASES: Readonly<Record<string, "a" | "b" | "rc">> = {
  a: "a",
  alpha: "a",
  b: "b",
  beta: "b",
  c: "rc",
  rc: "rc",
  pre: "rc",
  preview: "rc",
};

/**
 * Reads any spelling that PEP 440 allows. `where` says who wrote it.
 * @throws CambiumError `VERSION_SYNTAX`.
 */
export function parseVersion(text: string, where: string): Version {
  const version = tryVersion(text);
  if (version !== undefined) return version;
  throw usageError(
    "VERSION_SYNTAX",
    `${where}: not a version: ${JSON.stringify(text.slice(0, MAX_LENGTH))}`,
    "Versions follow PEP 440, such as 1.4, 2.0rc1, 1.0.post2 or 1.0+local.",
  );
}

/** As `parseVersion`, with `undefined` for what is no version. */
export function tryVersion(text: string): Version | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const match = PATTERN.exec(text.trim());
  if (match === null) return undefined;
  const [, epoch, release, phase, preNumber, dashPost, postWord, postNumber, dev, devNumber, local] = match;
  return {
    epoch: toNumber(epoch),
    release: release!.split(".").map(toNumber),
    ...(phase === undefined
      ? {}
      : { pre: { phase: PHASES[phase.toLowerCase()]!, number: toNumber(preNumber) } }),
    ...(dashPost === undefined && postWord === undefined ? {} : { post: toNumber(dashPost ?? postNumber) }),
    ...(dev === undefined ? {} : { dev: toNumber(devNumber) }),
    ...(local === undefined ? {} : { local: local.toLowerCase().split(/[-_.]/).map(normalizeSegment) }),
  };
}

/** PEP 440's normal form. */
export function formatVersion(version: Version): string {
  return version.local === undefined
    ? formatPublic(version)
    : `${formatPublic(version)}+${version.local.join(".")}`;
}

/** The normal form without the local part. */
function formatPublic(version: Version): string {
  const epoch = version.epoch > 0 ? `${version.epoch}!` : "";
  const pre = version.pre === undefined ? "" : `${version.pre.phase}${version.pre.number}`;
  const post = version.post === undefined ? "" : `.post${version.post}`;
  const dev = version.dev === undefined ? "" : `.dev${version.dev}`;
  return `${epoch}${version.release.join(".")}${pre}${post}${dev}`;
}

/** @throws CambiumError `VERSION_SYNTAX`. */
export function normalizeVersion(text: string, where: string): string {
  return formatVersion(parseVersion(text, where));
}

/** True for alpha, beta, release candidate and development releases (PEP 440, "handling of pre-releases"). */
export function isPrerelease(version: Version): boolean {
  return version.pre !== undefined || version.dev !== undefined;
}

/** Negative when `a` is the older. Versions that differ only in trailing zeros are equal. */
export function compareVersions(a: Version, b: Version): number {
  return comparePublic(a, b) || compareLocal(a.local, b.local);
}

/** As `compareVersions`, leaving the local parts aside. */
export function comparePublic(a: Version, b: Version): number {
  return (
    compareNumbers(a.epoch, b.epoch) ||
    compareRelease(a.release, b.release) ||
    compareNumbers(phaseRank(a), phaseRank(b)) ||
    compareNumbers(a.pre?.number ?? 0, b.pre?.number ?? 0) ||
    compareNumbers(a.post ?? -1, b.post ?? -1) ||
    // What has no development number comes after what has one.
    compareNumbers(a.dev ?? Number.POSITIVE_INFINITY, b.dev ?? Number.POSITIVE_INFINITY)
  );
}

/** Compares two releases of the same epoch as if the shorter ended in zeros. */
export function compareRelease(a: readonly VersionNumber[], b: readonly VersionNumber[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = compareNumbers(a[i] ?? 0, b[i] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

function phaseRank(version: Version): number {
  if (version.pre !== undefined) return version.pre.phase === "a" ? 1 : version.pre.phase === "b" ? 2 : 3;
  // 1.0.dev1 is older than 1.0a1, but 1.0.post1.dev1 is newer than 1.0.
  return version.post === undefined && version.dev !== undefined ? 0 : 4;
}

/** PEP 440, "local version identifiers": none first, words before numbers, a longer one after its own beginning. */
function compareLocal(a: readonly string[] | undefined, b: readonly string[] | undefined): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1);
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a[i]!, b[i]!];
    const [isXNumber, isYNumber] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (isXNumber !== isYNumber) return isXNumber ? 1 : -1;
    const order = isXNumber ? compareNumbers(toNumber(x), toNumber(y)) : x < y ? -1 : x > y ? 1 : 0;
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

// Relational operators compare a number with a bigint by value.
function compareNumbers(a: VersionNumber, b: VersionNumber): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function toNumber(digits: string | undefined): VersionNumber {
  if (digits === undefined || digits === "") return 0;
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}

function normalizeSegment(segment: string): string {
  return /^\d+$/.test(segment) ? String(toNumber(segment)) : segment;
}
