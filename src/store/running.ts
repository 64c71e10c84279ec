import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CambiumError } from "../errors.ts";
import { type HeldLock, tryLock, waitForLock } from "./lock.ts";
import { USED_STEP_MS } from "./used.ts";

/** Who begins within the same time shares a lock: one file that is already there costs 0.1 ms, one of its own 0.7. */
const SLOT_MS = 300_000;
const SINCE_EVER = 0;
const NAME = /^running-(\d{1,12})\.lock$/;

/**
 * Says that a build runs, until it is released or the process ends. What the build looks up from then on stays: a prune
 * keeps what was used since the oldest running build began.
 * @throws the signal's reason.
 */
export async function noteRunning(directory: string, signal: AbortSignal | undefined): Promise<HeldLock> {
  for (;;) {
    const slot = slotOf(Date.now());
    // A prune holds it alone for the milliseconds of a batch.
    const lock = await waitForLock(pathOf(directory, slot), { kind: "shared", signal }).catch((error) => {
      // No room for a file of this time: then a prune is to keep all there is.
      if (!hasNoRoom(error)) throw error;
      return waitForLock(sinceEverPath(directory), { kind: "shared", signal });
    });
    if (slot >= slotOf(Date.now()) - 1) return lock;
    lock.release();
  }
}

/**
 * Runs `work` while no build begins that `work` does not know of.
 * @param work is told since when running builds may have looked things up, in milliseconds since the epoch; `undefined`:
 *   none runs, and none begins before `work` is done
 */
export function amongRunning<T>(directory: string, work: (sinceMs: number | undefined) => T): T {
  const now = slotOf(Date.now());
  // The next one too: a build may begin while this goes on.
  const slots = new Set([...slotsIn(directory), now, now + 1]);
  const held: HeldLock[] = [];
  let oldest: number | undefined;
  try {
    for (const slot of slots) {
      const lock = lockIfRoom(pathOf(directory, slot));
      if (lock === "no room") continue;
      if (lock !== undefined) held.push(lock);
      else if (oldest === undefined || slot < oldest) oldest = slot;
      // Nobody begins in a time that is over.
      if (lock !== undefined && slot < now - 1 && slot !== SINCE_EVER) rmSync(pathOf(directory, slot));
    }
    return work(oldest === undefined ? undefined : oldest * SLOT_MS - USED_STEP_MS);
  } finally {
    for (const lock of held) lock.release();
  }
}

/** Where there is no room for the file, nobody else has one either. */
function lockIfRoom(path: string): HeldLock | "no room" | undefined {
  try {
    return tryLock(path);
  } catch (error) {
    if (hasNoRoom(error)) return "no room";
    throw error;
  }
}

/** SQLite says no more of a file that it cannot make on a full disk. */
function hasNoRoom(error: unknown): boolean {
  return error instanceof CambiumError && ["DISK_FULL", "STORE_UNWRITABLE"].includes(error.code);
}

/** For builds that find no room for another file: always there. */
export function sinceEverPath(directory: string): string {
  return pathOf(directory, SINCE_EVER);
}

function slotsIn(directory: string): number[] {
  return readdirSync(directory).flatMap((name) => {
    const match = NAME.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
}

function slotOf(timeMs: number): number {
  return Math.floor(timeMs / SLOT_MS);
}

function pathOf(directory: string, slot: number): string {
  return join(directory, `running-${slot}.lock`);
}
