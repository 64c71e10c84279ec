import { randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { storeError } from "./io-error.ts";

/** A fresh path below `directory`. The process id in it lets a later prune see whether its owner still lives. */
export function temporaryPath(directory: string): string {
  return join(directory, `${process.pid}-${randomBytes(9).toString("hex")}`);
}

/** Where a prune moves the file of this name, in the moment before it goes. */
export function asidePath(directory: string, kind: string, name: string): string {
  return join(directory, `going-${kind}-${name}`);
}

/** Whether `asidePath` made the name. */
export function isAside(name: string): boolean {
  return /^going-[a-z]+-[0-9a-f]{64}$/.test(name);
}

/** The process id in a name that `temporaryPath` made. */
export function ownerOfTemporary(name: string): number | undefined {
  const match = /^([1-9]\d{0,9})-[0-9a-f]{18}$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/**
 * Writes `bytes` at `path` so that a reader, a killed process or a full disk sees all of them or none; with
 * `isDurable` (4 ms) a power cut too, which files that carry a checksum can do without.
 * `directory` is for the temporary file and on the same filesystem.
 * @throws CambiumError as `storeError`; nothing is left behind.
 */
export function writeAtomically(
  path: string,
  bytes: Uint8Array,
  directory: string,
  isDurable: boolean,
): void {
  const temporary = temporaryPath(directory);
  try {
    const fd = openSync(temporary, "wx", 0o644);
    try {
      let done = 0;
      while (done < bytes.byteLength) done += writeSync(fd, bytes, done);
      if (isDurable) fdatasyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (isDurable) publish(temporary, path);
    else renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw storeError(error, path);
  }
}

/** Renames a synced file to its name and syncs the directory, so that the name survives a crash too. */
export function publish(temporary: string, path: string): void {
  renameSync(temporary, path);
  const fd = openSync(dirname(path), "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
