import type { Digest } from "../../../layer/digest.ts";
import type { LockedDistribution, PythonLock } from "../lock.ts";

/** A release in a lock file, with what only some formats say. */
export type UniversalDistribution = LockedDistribution & {
  /** Pythons that this release is for, when the lock says so. */
  readonly requiresPython?: string;
  /** Set when the lock pins a source tree instead of archives of an index: what it is, free of credentials. */
  readonly needsBuild?: string;
};

/** A lock file for many targets. Choosing a target's wheels settles markers, environments and groups. */
export type UniversalLock = Omit<PythonLock, "distributions"> & {
  readonly distributions: readonly UniversalDistribution[];
  /** What was asked for and for which targets, where the lock was resolved here. */
  readonly inputs?: Digest;
  /** Markers of which one must hold for a target (PEP 751, `environments`); absent means any target. */
  readonly environments?: readonly string[];
  /** Groups that count when none is asked for (PEP 751, `default-groups`). */
  readonly defaultGroups?: readonly string[];
  /** What the reader found worth telling. */
  readonly notices?: readonly string[];
};
