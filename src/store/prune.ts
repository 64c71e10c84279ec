import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DiffId, Digest } from "../layer/digest.ts";
import { errnoOf, storeError } from "./io-error.ts";
import { leasedDigests, pruneGuard, prunePath } from "./lease.ts";
import { removeLock, waitForLock } from "./lock.ts";
import { chooseToRemove, followerOf, type Limits, type Ranked } from "./retention.ts";
import { amongRunning } from "./running.ts";
import type { Store } from "./store.ts";
import { mentionsOf, type Stored } from "./survey.ts";
import { isAside, ownerOfTemporary } from "./temporary.ts";

const DAY_MS = 86_400_000;
/** Deletions between two looks at who runs: short enough that a build waits milliseconds to begin, not seconds. */
const BATCH = 256;

/** Takes unpacked layers away that were not used since: by diff id, in milliseconds since the epoch. Answers which went. */
export type RemoveTrees = (usedMs: ReadonlyMap<DiffId, number>) => Promise<ReadonlySet<DiffId>>;

/** One at a time, since each moves files aside. */
export async function whilePruning<T>(store: Store, work: () => Promise<T>): Promise<T> {
  const lock = await waitForLock(prunePath(leasesOf(store)));
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** What a prune would take just now. */
export function wouldRemove(store: Store, all: readonly Stored[], limits: Limits): Stored[] {
  const chosen = chooseToRemove(all, limits);
  return amongRunning(leasesOf(store), (sinceMs) => {
    const leased = leasesNow(store);
    return chosen.filter((it) => isFree(it, sinceMs) && !isLeased(it.item, leased)).map(({ item }) => item);
  });
}

/**
 * Removes from the store what `limits` allow and no running build may come to need; within `whilePruning`.
 * @param all as `survey` found it; `surveyedMs`: when it began to look
 * @returns what went.
 * @throws CambiumError as `storeError`.
 */
export async function prune(
  store: Store,
  { all, surveyedMs, limits }: { all: readonly Stored[]; surveyedMs: number; limits: Limits },
  removeTrees: RemoveTrees,
): Promise<Stored[]> {
  removeLeftAside(join(store.root, "tmp"));
  const chosen = chooseToRemove(all, limits);
  const follow = followerOf(all);
  const kept = new Set<Stored>();
  const keep = (names: Iterable<string>) => {
    for (const item of follow(names, kept)) kept.add(item);
  };
  const removed: Stored[] = [];
  let version: number | undefined;
  for (let at = 0; at < chosen.length; at += BATCH) {
    amongRunning(leasesOf(store), (sinceMs) => {
      const now = store.records.version();
      // Who used a record since then goes by what it names.
      if (now !== version) keep(mentionsOf(store.records.usedSince(surveyedMs)));
      version = now;
      removed.push(...removeBatch(store, chosen.slice(at, at + BATCH), sinceMs, kept, keep));
    });
  }
  return [...removed.filter(({ kind }) => kind !== "tree"), ...(await withoutTrees(removed, removeTrees))];
}

/** The records first: who finds one may rely on what it names. @returns what went, and the trees that may go. */
function removeBatch(
  store: Store,
  batch: readonly Ranked<Stored>[],
  sinceMs: number | undefined,
  kept: ReadonlySet<Stored>,
  keep: (names: Iterable<string>) => void,
): Stored[] {
  const guard = pruneGuard(leasesOf(store));
  try {
    const leased = leasesNow(store);
    const stay = (item: Stored) => keep([...item.names, ...item.mentions]);
    const isGoing = (ranked: Ranked<Stored>) => {
      const isIt = isFree(ranked, sinceMs) && !kept.has(ranked.item) && !isLeased(ranked.item, leased);
      if (!isIt) stay(ranked.item);
      return isIt;
    };
    const going = batch.filter(isGoing).map(({ item }) => item);
    const rows = going.flatMap((item) => (item.kind === "record" ? [item.row] : []));
    const used = new Set(store.records.deleteUnused(rows));
    for (const item of going) if (item.kind === "record" && used.has(item.row)) stay(item);
    return going.filter((item) => {
      if (item.kind === "record") return !used.has(item.row);
      if (item.kind === "tree") return true;
      if (!kept.has(item) && removeFile(store, item)) return true;
      stay(item);
      return false;
    });
  } finally {
    guard.release();
  }
}

function removeFile(store: Store, item: Exclude<Stored, { kind: "record" | "tree" }>): boolean {
  if (item.kind === "blob") return store.blobs.remove(item.digest, item.usedMs);
  if (item.kind === "segment") return store.segments.remove(item.id, item.usedMs);
  return store.listings.remove(item.diffId, item.usedMs);
}

async function withoutTrees(removed: readonly Stored[], removeTrees: RemoveTrees): Promise<Stored[]> {
  const trees = removed.filter((item) => item.kind === "tree");
  if (trees.length === 0) return [];
  const gone = await removeTrees(new Map(trees.map(({ diffId, usedMs }) => [diffId, usedMs])));
  return trees.filter(({ diffId }) => gone.has(diffId));
}

function isFree({ neededMs }: Ranked<Stored>, sinceMs: number | undefined): boolean {
  return sinceMs === undefined || neededMs < sinceMs;
}

function isLeased(item: Stored, leased: ReadonlySet<Digest>): boolean {
  if (item.kind === "blob") return leased.has(item.digest);
  return item.kind === "tree" && leased.has(item.diffId as string as Digest);
}

function leasesNow(store: Store): Set<Digest> {
  return leasedDigests(leasesOf(store));
}

function leasesOf(store: Store): string {
  return join(store.root, "leases-v1");
}

/**
 * Removes what crashed processes left, and locks that nobody holds, once a day old; what other versions of Node compiled,
 * unless it is newer than `beforeMs`.
 * @returns how many of each.
 */
export function tidy(store: Store, now: number, beforeMs: number) {
  return {
    temporaries: removeTemporaries(join(store.root, "tmp"), now),
    locks: removeLocks(join(store.root, "locks-v1"), now),
    compiled: removeCompiled(join(store.root, "compile-cache"), beforeMs),
  };
}

/** One folder per version of Node, which begins with it. */
function removeCompiled(directory: string, beforeMs: number): number {
  if (!existsSync(directory)) return 0;
  const others = readdirSync(directory).filter((name) => !name.startsWith(`${process.version}-`));
  const old = others.filter((name) => statSync(join(directory, name)).mtimeMs < beforeMs);
  for (const name of old) rmSync(join(directory, name), { force: true, recursive: true });
  return old.length;
}

/** What a killed prune moved aside had been chosen to go. */
function removeLeftAside(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (isAside(name)) rmSync(join(directory, name), { force: true });
  }
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
