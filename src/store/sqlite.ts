import type { DatabaseSync } from "node:sqlite";

type Sqlite = typeof import("node:sqlite");
let loaded: Sqlite | undefined;

/**
 * `node:sqlite`, loaded when first needed. Node 22 announces it as experimental; that one warning is held back while
 * the module loads (the load is synchronous, so no other warning can fall into the gap), every other passes.
 */
function sqlite(): Sqlite {
  if (loaded !== undefined) return loaded;
  const emitWarning = process.emitWarning;
  const isAnnouncement = (warning: unknown) => /SQLite is an experimental feature/.test(String(warning));
  process.emitWarning = (...args: unknown[]) => {
    if (!isAnnouncement(args[0])) Reflect.apply(emitWarning, process, args);
  };
  try {
    loaded = process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
  return loaded;
}

/** `timeoutMs`: how long a statement waits (blocking the thread) for another process. */
export function openDatabase(path: string, timeoutMs: number): DatabaseSync {
  return new (sqlite().DatabaseSync)(path, { timeout: timeoutMs });
}

/** SQLite's primary result code (https://www.sqlite.org/rescode.html) of what a statement threw. */
export function resultCodeOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !("errcode" in thrown)) return undefined;
  // The low byte is the primary code; the rest says more.
  return typeof thrown.errcode === "number" ? thrown.errcode & 0xff : undefined;
}

/**
 * True for a full disk. The shared memory of a log is a file too, of 32 KiB, and when that cannot grow SQLite answers
 * SQLITE_IOERR_SHMSIZE (4874) and keeps the reason to itself (seen on a tmpfs with 16 KiB free).
 */
export function isDiskFull(thrown: unknown): boolean {
  const shmSize = 4874;
  const isShm = thrown instanceof Error && "errcode" in thrown && thrown.errcode === shmSize;
  return isShm || resultCodeOf(thrown) === SQLITE_FULL;
}

export const SQLITE_BUSY = 5;
export const SQLITE_LOCKED = 6;
export const SQLITE_READONLY = 8;
export const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
export const SQLITE_CANTOPEN = 14;
export const SQLITE_NOTADB = 26;
