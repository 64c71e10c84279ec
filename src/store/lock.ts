import { createHash } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { storeError } from "./io-error.ts";
import { pause } from "./pause.ts";
import { openDatabase, resultCodeOf, SQLITE_BUSY, SQLITE_LOCKED } from "./sqlite.ts";

/** A lock that is held. Releasing twice is harmless. */
export type HeldLock = { release(): void };

/**
 * Locks between processes, by name. Each is an empty SQLite file on which the holder has an exclusive transaction,
 * that is, kernel locks (fcntl), which end with the process however it ends. SQLite is the way because Node has no
 * flock, and because it keeps several openers within one process, worker threads included, from freeing each
 * other's locks (https://www.sqlite.org/src/file/src/os_unix.c, "Posix Advisory Locking").
 */
export function lockPath(directory: string, name: string): string {
  return join(directory, `${createHash("sha256").update(name).digest("hex").slice(0, 32)}.lock`);
}

/** `shared` goes with others that are shared, `exclusive` with nobody. */
export type LockKind = "exclusive" | "shared";

/** @returns `undefined` while another process, or another caller in this one, holds it. Does not wait. */
export function tryLock(path: string, kind: LockKind = "exclusive"): HeldLock | undefined {
  // Twice: the first opener of a name creates the file, and whether it is still that file can be told only after.
  for (let attempt = 0; attempt < 4; attempt++) {
    const before = inodeOf(path);
    const database = opened(path);
    if (!begin(database, path, kind)) {
      database.close();
      return undefined;
    }
    // `removeLock` may have deleted the file since. A lock on the deleted one would exclude nobody.
    if (before !== undefined && inodeOf(path) === before) return held(database);
    database.exec("ROLLBACK");
    database.close();
  }
  return undefined;
}

/** Waits without blocking the thread. `onWait` is called once, when the lock is not free at first. */
export async function waitForLock(
  path: string,
  options: {
    signal?: AbortSignal | undefined;
    onWait?: (() => void) | undefined;
    kind?: LockKind | undefined;
  } = {},
): Promise<HeldLock> {
  let isWaiting = false;
  for (let delayMs = 4; ; delayMs = Math.min(100, delayMs * 2)) {
    options.signal?.throwIfAborted();
    const lock = tryLock(path, options.kind);
    if (lock !== undefined) return lock;
    if (!isWaiting) options.onWait?.();
    isWaiting = true;
    // Jitter, so that two who collide do not collide again.
    await pause(delayMs * (0.5 + Math.random()), options.signal);
  }
}

/**
 * Deletes a lock's file unless someone holds it. Only for prune: deleting at every release made SQLite fail with
 * SQLITE_IOERR_FSTAT when two threads of one process met at the file (3 of 4 runs of 1,800 locks).
 */
export function removeLock(path: string): boolean {
  const lock = tryLock(path);
  if (lock !== undefined) rmSync(path, { force: true });
  lock?.release();
  return lock !== undefined;
}

function held(database: DatabaseSync): HeldLock {
  return {
    release() {
      if (!database.isOpen) return;
      database.exec("ROLLBACK");
      database.close();
    },
  };
}

function opened(path: string): DatabaseSync {
  try {
    return openDatabase(path, 0);
  } catch (error) {
    throw storeError(error, path);
  }
}

/** A transaction that has read keeps its shared lock to its end, also on an empty file. */
const BEGIN = { exclusive: "BEGIN EXCLUSIVE", shared: "BEGIN; SELECT count(*) FROM sqlite_schema" } as const;

function begin(database: DatabaseSync, path: string, kind: LockKind): boolean {
  try {
    database.exec(BEGIN[kind]);
    return true;
  } catch (error) {
    const code = resultCodeOf(error);
    if (code === SQLITE_BUSY || code === SQLITE_LOCKED) return false;
    database.close();
    throw storeError(error, path);
  }
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { throwIfNoEntry: false, bigint: true })?.ino;
}
