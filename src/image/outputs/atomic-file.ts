import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { giveBackChunk } from "../../layer/chunks.ts";
import { outputError } from "./output-error.ts";

/**
 * Writes a stream at `path` so that a reader, a crash or a full disk sees all of it or the file before: temporary
 * name in the same folder, sync, rename. Chunks of `source` are its own: written ones are given back. An error of `source` leaves nothing behind.
 * @returns the bytes written.
 * @throws CambiumError `OUTPUT_UNWRITABLE`, `DISK_FULL`, and whatever `source` throws.
 */
export async function writeAtomically(path: string, source: AsyncIterable<Uint8Array>): Promise<number> {
  const temporary = join(
    dirname(path),
    `.${basename(path)}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`,
  );
  let size = 0;
  try {
    const file = await open(temporary, "wx", 0o644);
    try {
      for await (const chunk of source) {
        await writeAll(file, chunk);
        size += chunk.byteLength;
        giveBackChunk(chunk);
      }
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return size;
  } catch (error) {
    // Cleaning up must not hide why: below a file, removing even nothing is ENOTDIR.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw outputError(error, path);
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  let done = 0;
  while (done < chunk.byteLength) done += (await file.write(chunk, done)).bytesWritten;
}

/** Makes the name survive a crash too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export async function* onceBytes(bytes: Uint8Array | string): AsyncGenerator<Uint8Array> {
  yield typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes;
}
