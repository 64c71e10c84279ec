import { createWriteStream, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Emit } from "../events.ts";
import type { Descriptor } from "../layer/digest.ts";
import type { Store } from "../store/store.ts";
import type { Repository } from "./repository.ts";

const PROGRESS_INTERVAL_MS = 100;

/** Whatever gives blobs that are held to their digest, such as a repository. */
export type BlobHome = Pick<Repository, "blob">;

/**
 * Brings a blob of a registry into the store, once: whoever else wants it, here or in another process, waits for the
 * first. @throws CambiumError as `Repository.blob`, `DISK_FULL`, `STORE_UNWRITABLE`.
 */
export async function fetchBlob(
  store: Store,
  repository: BlobHome,
  blob: Descriptor,
  options: { readonly name: string; readonly emit: Emit; readonly signal: AbortSignal },
): Promise<void> {
  if (store.blobs.has(blob.digest)) return;
  const { signal } = options;
  const once = async () => {
    if (!store.blobs.has(blob.digest)) await receive(store, repository, blob, options);
  };
  await store.exclusive(`blob ${blob.digest}`, once, { signal });
}

async function receive(
  store: Store,
  repository: BlobHome,
  blob: Descriptor,
  { name, emit, signal }: { readonly name: string; readonly emit: Emit; readonly signal: AbortSignal },
): Promise<void> {
  const id = blob.digest;
  emit({ type: "download-started", id, name, sizeBytes: blob.size });
  const temporary = store.blobs.temporary();
  try {
    const bytes = Readable.from(told(repository.blob(blob), id, emit), { objectMode: false });
    await pipeline(bytes, createWriteStream(temporary), { signal });
    const file = await open(temporary, "r+");
    await file.datasync();
    await file.close();
    store.blobs.adopt(temporary, blob.digest);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  emit({ type: "download-done", id, receivedBytes: blob.size });
}

async function* told(source: AsyncIterable<Uint8Array>, id: string, emit: Emit): AsyncGenerator<Uint8Array> {
  let receivedBytes = 0;
  let last = 0;
  for await (const chunk of source) {
    receivedBytes += chunk.byteLength;
    const now = performance.now();
    if (now - last >= PROGRESS_INTERVAL_MS) {
      last = now;
      emit({ type: "download-progress", id, receivedBytes });
    }
    yield chunk;
  }
}
