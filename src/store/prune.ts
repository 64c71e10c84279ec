import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../layer/digest.ts";
import type { BlobStat } from "./blobs.ts";
import { errnoOf, storeError } from "./io-error.ts";
import { leasedDigests, pruneGuard } from "./lease.ts";
import { removeLock } from "./lock.ts";
import type { Store } from "./store.ts";
import { ownerOfTemporary } from "./temporary.ts";

export type PruneOptions = {
  /** True for what a root (a lock, a layer record, a build) still needs. */
  readonly isKept: (digest: Digest) => boolean;
  /** Blobs used within this time stay. Default: a day, about the precision of the filesystem's access times. */
  readonly keepUsedWithinMs?: number;
  /** Stop once the blobs together are no larger, least recently used first. Default 0: remove all that may go. */
  readonly maxBytes?: number;
  /** Milliseconds since the epoch. Default: the clock. */
  readonly now?: number;
};

export type PruneResult = {
  readonly removedBlobs: number;
  readonly removedBytes: number;
  readonly removedSegments: number;
  readonly removedListings: number;
  readonly removedTemporaries: number;
  readonly removedLocks: number;
  readonly keptBytes: number;
};

const DAY_MS = 86_400_000;
/** Deletions between two readings of the leases: short enough that a build waits milliseconds, not seconds. */
const BATCH = 64;

/**
 * Removes blobs that nobody needs, the segments that pointed into them, listings that nobody asked for, and what crashed
 * processes left in `tmp`.
 * Safe beside running builds: leased blobs stay.
 * @throws CambiumError as `storeError`.
 */
export function prune(store: Store, options: PruneOptions): PruneResult {
  const now = options.now ?? Date.now();
  const before = now - (options.keepUsedWithinMs ?? DAY_MS);
  const all = [...store.blobs.list()];
  let keptBytes = all.reduce((sum, blob) => sum + blob.sizeBytes, 0);
  const candidates = all
    .filter((blob) => blob.usedMs < before && !options.isKept(blob.digest))
    .sort((a, b) => a.usedMs - b.usedMs);
  const removed = new Set<Digest>();
  const limit = options.maxBytes ?? 0;
  let removedBytes = 0;
  for (let at = 0; at < candidates.length && keptBytes > limit; at += BATCH) {
    for (const blob of removeBatch(store, candidates.slice(at, at + BATCH), keptBytes - limit)) {
      removed.add(blob.digest);
      removedBytes += blob.sizeBytes;
      keptBytes -= blob.sizeBytes;
    }
  }
  return {
    removedBlobs: removed.size,
    removedBytes,
    removedSegments: removed.size === 0 ? 0 : removeSegments(store, removed),
    removedListings: store.listings.removeUnused(before),
    removedTemporaries: removeTemporaries(join(store.root, "tmp"), now),
    removedLocks: removeLocks(join(store.root, "locks-v1"), now),
    keptBytes,
  };
}

/** Nobody can lease while the guard is held, so what is not leased now is still not leased when it goes. */
function removeBatch(store: Store, batch: readonly BlobStat[], excessBytes: number): BlobStat[] {
  const leases = join(store.root, "leases-v1");
  const guard = pruneGuard(leases);
  try {
    const leased = leasedDigests(leases);
    const removed: BlobStat[] = [];
    let freedBytes = 0;
    for (const blob of batch) {
      if (freedBytes >= excessBytes) break;
      if (leased.has(blob.digest)) continue;
      store.blobs.remove(blob.digest);
      freedBytes += blob.sizeBytes;
      removed.push(blob);
    }
    return removed;
  } finally {
    guard.release();
  }
}

function removeSegments(store: Store, removed: ReadonlySet<Digest>): number {
  let count = 0;
  for (const id of [...store.segments.list()]) {
    const segment = store.segments.get(id);
    if (segment?.blobs.some((blob) => removed.has(blob)) !== true) continue;
    store.segments.remove(id);
    count++;
  }
  return count;
}

/** A day, and its process gone: a process of another container is not seen from here, but no write takes a day. */
function removeTemporaries(directory: string, now: number): number {
  let count = 0;
  for (const name of readdirSync(directory)) {
    const owner = ownerOfTemporary(name);
    const path = join(directory, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (owner === undefined || stat === undefined || now - stat.mtimeMs < DAY_MS || isAlive(owner)) continue;
    try {
      rmSync(path, { force: true, recursive: true });
    } catch (error) {
      throw storeError(error, path);
    }
    count++;
  }
  return count;
}

/** A lock's file is empty and made once per name, most often a digest that is never downloaded again. */
function removeLocks(directory: string, now: number): number {
  let count = 0;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!name.endsWith(".lock") || stat === undefined || now - stat.mtimeMs < DAY_MS) continue;
    if (removeLock(path)) count++;
  }
  return count;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and is another user's.
    return errnoOf(error) === "EPERM";
  }
}
