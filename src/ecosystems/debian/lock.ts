import type { Digest } from "../../layer/digest.ts";
import type { Platform } from "../../platform.ts";

export type Suite = "bookworm" | "trixie";
/** `none`: only what is asked for, on an image that has a base system already. */
export type Variant = "standard" | "distroless" | "none";
export type Architecture = Platform["architecture"];
/** The two archives that a suite comes from; each has its own root on a mirror. */
export type Archive = "debian" | "debian-security";

/** A binary package as the lock pins it. `path` is below the mirror's root (`pool/…`), so that no mirror is named. */
export type LockedDeb = {
  readonly name: string;
  readonly version: string;
  /** `all` or the target's. */
  readonly architecture: string;
  readonly sha256: Digest;
  readonly sizeBytes: number;
  readonly path: string;
  /** Which archive the path is below. */
  readonly archive: Archive;
};

/** What each target (by architecture) installs, sorted by name, and the request that this answers. */
export type DebianLock = {
  readonly suite: Suite;
  readonly variant: Variant;
  /** Asked for beyond the seed, sorted, each once. */
  readonly packages: readonly string[];
  readonly targets: Readonly<Record<string, readonly LockedDeb[]>>;
};

/** The request that a lock answers. */
export type DebianRequest = {
  readonly suite: Suite;
  readonly variant: Variant;
  readonly packages: readonly string[];
  readonly architectures: readonly Architecture[];
};

/** Whether `lock` already says all that `request` asks for, so that nothing need be resolved. */
export function answersRequest(lock: DebianLock, request: DebianRequest): boolean {
  const wanted = [...new Set(request.packages)].sort();
  return (
    lock.suite === request.suite &&
    lock.variant === request.variant &&
    wanted.length === lock.packages.length &&
    wanted.every((name, index) => name === lock.packages[index]) &&
    request.architectures.every((architecture) => lock.targets[architecture] !== undefined)
  );
}
