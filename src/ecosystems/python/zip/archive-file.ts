import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { CambiumError } from "../../../errors.ts";

/** Bytes read at any place, such as an open file. Synchronous: the readers are workers that do nothing else meanwhile. */
export interface ArchiveFile {
  readonly sizeBytes: number;
  /** Fills `target` from `offset`. @throws CambiumError `ARCHIVE_TRUNCATED` where the bytes end before. */
  read(offset: number, target: Uint8Array): void;
}

/** Opens the file at `path` for as long as `use` takes; `where` names it in errors. */
export async function withArchiveFile<Result>(
  path: string,
  where: string,
  use: (file: ArchiveFile) => Promise<Result>,
): Promise<Result> {
  const fd = openSync(path, "r");
  try {
    const sizeBytes = fstatSync(fd).size;
    return await use({ sizeBytes, read: (offset, target) => readAll(fd, offset, target, where, sizeBytes) });
  } finally {
    closeSync(fd);
  }
}

function readAll(fd: number, offset: number, target: Uint8Array, where: string, sizeBytes: number): void {
  let done = 0;
  while (done < target.length) {
    const count = readSync(fd, target, done, target.length - done, offset + done);
    if (count === 0) throw truncated(where, offset, target.length, sizeBytes);
    done += count;
  }
}

/** An archive that is in memory already. */
export function archiveInMemory(bytes: Uint8Array, where: string): ArchiveFile {
  return {
    sizeBytes: bytes.length,
    read(offset, target) {
      if (offset + target.length > bytes.length) throw truncated(where, offset, target.length, bytes.length);
      target.set(bytes.subarray(offset, offset + target.length));
    },
  };
}

export function truncated(where: string, offset: number, length: number, sizeBytes: number): CambiumError {
  return new CambiumError(
    "ARCHIVE_TRUNCATED",
    `${where}: ${length} bytes at ${offset} are wanted, but it has ${sizeBytes} bytes`,
    { hint: "The archive is cut off or damaged; fetch it anew." },
  );
}
