import type { Digest } from "../../layer/digest.ts";

/** PyPA-normalised project name (packaging.python.org, name normalization). Only `parseProjectName` makes one. */
export type NormalizedName = string & { readonly __normalizedName: true };

/** One archive of a release. `url` is free of credentials; absent means: found by name in the index. */
export type LockedArchive = {
  readonly filename: string;
  readonly url?: string;
  readonly sha256: Digest;
  readonly sizeBytes?: number;
  /** Set for a file on this machine (find-links, path dependency): absolute path. Never written to `cambium.lock`. */
  readonly path?: string;
};

/** PEP 610, for what came from a URL or VCS and not from an index; without credentials. */
export type DirectUrl = Readonly<Record<string, unknown>> & { readonly url: string };

/** One release as a lock has it. The same name may stand several times with disjoint markers. */
export type LockedDistribution = {
  readonly name: NormalizedName;
  /** PEP 440, normalised. */
  readonly version: string;
  /** PEP 508 marker; absent means always. */
  readonly marker?: string;
  readonly wheels: readonly LockedArchive[];
  readonly sdist?: LockedArchive;
  readonly directUrl?: DirectUrl;
  /** Index it came from, without credentials; absent for the default one. */
  readonly index?: string;
  /** Digests that the user demanded with `--hash`; when present a chosen file must have one of them. */
  readonly allowedHashes?: readonly Digest[];
};

/** What any of the lock formats or a resolution comes down to: universal, evaluated per target. */
export type PythonLock = {
  readonly requiresPython?: string;
  readonly distributions: readonly LockedDistribution[];
};

/** What one target installs: exactly one per name, sorted by name. */
export type ChosenWheel = {
  readonly name: NormalizedName;
  readonly version: string;
  readonly wheel: LockedArchive;
  readonly directUrl?: DirectUrl;
  readonly index?: string;
};
