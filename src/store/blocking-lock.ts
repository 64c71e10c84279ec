import { storeError } from "./io-error.ts";
import type { HeldLock } from "./lock.ts";
import { openDatabase } from "./sqlite.ts";

/** Longer than any holder takes: a prune deletes in batches of a few milliseconds each. */
const TIMEOUT_MS = 30_000;

/**
 * As `waitForLock`, but blocks the thread: for moments, in synchronous code. The file stays.
 * @throws CambiumError `STORE_IO` when it is not free within 30 s.
 */
export function blockingLock(path: string): HeldLock {
  try {
    const database = openDatabase(path, TIMEOUT_MS);
    try {
      database.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      database.close();
      throw error;
    }
    return {
      release() {
        if (database.isOpen) database.close();
      },
    };
  } catch (error) {
    throw storeError(error, path);
  }
}
