import { existsSync, renameSync, type Stats, statSync, unlinkSync, utimesSync } from "node:fs";
import { errnoOf, storeError } from "./io-error.ts";

/**
 * How exact times of use are. A file of the store is as used as its mtime says: who looks it up sets that when it is
 * older than this, so that a build that changes nothing writes nothing. Not the atime: many machines mount without it.
 */
export const USED_STEP_MS = 300_000;

/** Counts what this process puts into the store. */
export type Added = { bytes: number };

/**
 * Asks for a file and notes that it is used: from then on no prune that runs beside this build takes it.
 * @param aside where `removeUnlessUsed` moves it
 * @returns `undefined` when it is not there.
 */
export function usedFile(path: string, aside: string): Stats | undefined {
  // A round that does not end here saw a prune move the file.
  for (let round = 0; round < 4; round++) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) {
      if (!isBack(path, aside)) return undefined;
    } else if (Date.now() - stat.mtimeMs <= USED_STEP_MS || isNoted(path)) {
      return stat;
    }
  }
  return undefined;
}

/** Takes back what a prune has just moved aside; whether the file is there now. */
export function isBack(path: string, aside: string): boolean {
  try {
    renameSync(aside, path);
    return true;
  } catch {
    // The prune itself may have put it back.
    return existsSync(path);
  }
}

/**
 * Removes a file unless somebody uses it meanwhile. Safe without a lock: it is moved first, and only what is still as
 * unused as before goes then; who looks for it in that moment takes it back.
 * @param seenMs the use by which it was chosen
 * @returns whether it is gone.
 */
export function removeUnlessUsed(path: string, aside: string, seenMs: number): boolean {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return true;
    if (stat.mtimeMs > seenMs) return false;
    renameSync(path, aside);
    if (statSync(aside).mtimeMs > seenMs) {
      renameSync(aside, path);
      return false;
    }
    unlinkSync(aside);
    return true;
  } catch (error) {
    // Somebody took it back.
    if (errnoOf(error) === "ENOENT") return !existsSync(path);
    throw storeError(error, path);
  }
}

/** False when it is gone. A store that cannot be written can still be read. */
function isNoted(path: string): boolean {
  const now = new Date();
  try {
    utimesSync(path, now, now);
    return true;
  } catch (error) {
    return errnoOf(error) !== "ENOENT";
  }
}
