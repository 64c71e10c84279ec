import { open } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { CambiumError, messageOf, usageError } from "../errors.ts";
import { redactUrl } from "./redact.ts";
import type { Spool } from "./spool.ts";

const CHUNK_BYTES = 1 << 20;

/** Copies what a `file:` URL names (find-links, local wheels). @throws CambiumError `FETCH_NOT_FOUND`, `SIZE_INVALID`. */
export async function spoolFile(
  spool: Spool,
  url: string,
  want: { readonly name: string; readonly sizeBytes?: number | undefined },
  signal: AbortSignal | undefined,
): Promise<void> {
  const path = pathFrom(url, want.name);
  const file = await open(path, "r").catch((error) => {
    throw unreadable(want.name, path, error);
  });
  try {
    const { size } = await file.stat();
    if (want.sizeBytes !== undefined && want.sizeBytes !== size) {
      throw new CambiumError(
        "SIZE_INVALID",
        `${want.name}: got ${size} of ${want.sizeBytes} bytes: ${path}`,
        {
          hint: "The file is another than the lock names. If the change is meant, lock again.",
        },
      );
    }
    while (spool.size < size) {
      signal?.throwIfAborted();
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, size - spool.size));
      const { bytesRead } = await file.read(chunk, 0, chunk.byteLength, spool.size);
      if (bytesRead === 0) break;
      await spool.add(chunk.subarray(0, bytesRead));
    }
  } catch (error) {
    throw error instanceof CambiumError || signal?.aborted === true
      ? error
      : unreadable(want.name, path, error);
  } finally {
    await file.close();
  }
}

function pathFrom(url: string, name: string): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw usageError(
      "URL_UNSUPPORTED",
      `${name}: not a local file: ${redactUrl(url)}`,
      "Write file:///path.",
      error,
    );
  }
}

function unreadable(name: string, path: string, error: unknown): CambiumError {
  return new CambiumError("FETCH_NOT_FOUND", `${name}: cannot read ${path}: ${messageOf(error)}`, {
    hint: "Check the path in the lock or in find-links.",
    cause: error,
  });
}
