import { type CambiumError, environmentError, messageOf } from "../errors.ts";
import { isDiskFull, resultCodeOf, SQLITE_CANTOPEN, SQLITE_READONLY } from "./sqlite.ts";

const elsewhere = "set CAMBIUM_ROOT to a directory";

/**
 * What a failed operation on a file or database of the store means to the user; a CambiumError passes unchanged.
 * @returns `DISK_FULL`, `STORE_UNWRITABLE` or `STORE_IO`, naming `path`.
 */
export function storeError(thrown: unknown, path: string): Error {
  if (thrown instanceof Error && thrown.name === "CambiumError") return thrown;
  const code = errnoOf(thrown);
  const sqlite = resultCodeOf(thrown);
  if (code === "ENOSPC" || code === "EDQUOT" || isDiskFull(thrown)) return diskFull(path, thrown);
  if (sqlite === SQLITE_READONLY || sqlite === SQLITE_CANTOPEN) return unwritable(path, thrown);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS" || code === "ENOTDIR") {
    return unwritable(path, thrown);
  }
  if (code === "EMFILE" || code === "ENFILE") {
    return environmentError(
      "STORE_IO",
      `the store cannot open another file: ${path}: ${messageOf(thrown)}`,
      "Raise the limit of open files (ulimit -n).",
      thrown,
    );
  }
  return environmentError(
    "STORE_IO",
    `the store failed at ${path}: ${messageOf(thrown)}`,
    `Check the disk, or ${elsewhere} elsewhere.`,
    thrown,
  );
}

function diskFull(path: string, cause: unknown): CambiumError {
  return environmentError(
    "DISK_FULL",
    `no space left for ${path}`,
    `Free space, ${elsewhere} on a larger disk, or run: cambium cache prune`,
    cause,
  );
}

function unwritable(path: string, cause: unknown): CambiumError {
  return environmentError(
    "STORE_UNWRITABLE",
    `the store cannot be written: ${path}: ${messageOf(cause)}`,
    `Make it writable, or ${elsewhere} that you can write.`,
    cause,
  );
}

/** The errno name of what a `node:fs` call threw, such as `ENOENT`. */
export function errnoOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
