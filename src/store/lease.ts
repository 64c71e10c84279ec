import { randomBytes } from "node:crypto";
import { appendFileSync, closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../layer/digest.ts";
import { blockingLock } from "./blocking-lock.ts";
import { errnoOf, storeError } from "./io-error.ts";
import { type HeldLock, removeLock, tryLock } from "./lock.ts";
import { sinceEverPath } from "./running.ts";

/** Keeps blobs from being pruned while this process works with them; ends with the process at the latest. */
export interface Lease {
  /**
   * Protect first, then ask whether the blob is here: from then on the answer holds.
   * @throws CambiumError `DISK_FULL`, `STORE_UNWRITABLE`, `STORE_IO`.
   */
  protect(digests: Iterable<Digest>): void;
  release(): void;
}

/** `leases-v1/<id>.lock` is held by the live process, `<id>.digests` has a line per digest. Made at first use. */
export function createLease(directory: string): Lease {
  const id = randomBytes(12).toString("hex");
  const path = join(directory, `${id}.digests`);
  const lockFile = join(directory, `${id}.lock`);
  const known = new Set<Digest>();
  let lock: HeldLock | undefined;
  return {
    protect(digests) {
      const fresh = [...new Set(digests)].filter((digest) => !known.has(digest));
      if (fresh.length === 0) return;
      lock ??= tryLock(lockFile);
      const guard = pruneGuard(directory);
      try {
        appendFileSync(path, `${fresh.join("\n")}\n`);
      } catch (error) {
        throw storeError(error, path);
      } finally {
        guard.release();
      }
      for (const digest of fresh) known.add(digest);
    },
    release() {
      known.clear();
      rmSync(path, { force: true });
      if (lock !== undefined) rmSync(lockFile, { force: true });
      lock?.release();
      lock = undefined;
    },
  };
}

/** Makes the files of locks while there is room: a full disk must be prunable. */
export function prepareGuard(directory: string): void {
  for (const path of [guardPath(directory), prunePath(directory), sinceEverPath(directory)]) {
    // Not opened when it is there: closing it would free this process's locks on it (fcntl's rule).
    if (!existsSync(path)) closeSync(openSync(path, "a", 0o644));
  }
}

/** Held by the one prune that is at work. */
export function prunePath(directory: string): string {
  return join(directory, "prune.lock");
}

function guardPath(directory: string): string {
  return join(directory, "prune.guard");
}

/** Held by whoever adds to a lease, and by prune from reading the leases until its deletions are done. */
export function pruneGuard(directory: string): HeldLock {
  return blockingLock(guardPath(directory));
}

/** Digests of all live leases; what dead processes left behind is removed. Call under the guard. */
export function leasedDigests(directory: string): Set<Digest> {
  const leased = new Set<Digest>();
  for (const name of readdirSync(directory)) {
    const match = /^([0-9a-f]{24})\.digests$/.exec(name);
    if (match === null) continue;
    const path = join(directory, name);
    if (isLive(join(directory, `${match[1]}.lock`))) {
      for (const line of linesOf(path)) leased.add(line as Digest);
    } else {
      rmSync(path, { force: true });
    }
  }
  return leased;
}

/** The lock is older than the digests and outlives them, so without its file there is no owner. */
function isLive(lock: string): boolean {
  if (!existsSync(lock)) return false;
  return !removeLock(lock);
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw storeError(error, path);
  }
}
