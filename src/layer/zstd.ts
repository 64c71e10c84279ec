import { constants, createZstdCompress, type ZstdCompress } from "node:zlib";

/** Written at once: each write is a visit to another thread. */
const BATCH_BYTES = 1 << 20;
/** Fast; what is worth keeping is often compressed already. */
const LEVEL = 3;

/**
 * `source` as one zstd frame. Node 24 ends a frame twice, with an empty one behind it, when the end comes while a write
 * still waits, and its own reader takes only the first: so each write is awaited. Memory: some MB.
 */
export async function* zstdCompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const params = { [constants.ZSTD_c_compressionLevel]: LEVEL };
  const output = createZstdCompress({ chunkSize: BATCH_BYTES, params });
  const fed = feed(output, source).catch((error: Error) => {
    output.destroy(error);
  });
  try {
    yield* output as AsyncIterable<Uint8Array>;
    await fed;
  } finally {
    output.destroy();
  }
}

async function feed(output: ZstdCompress, source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const batch of batches(source)) {
    await new Promise<void>((resolve, reject) => {
      output.write(batch, (error) => (error == null ? resolve() : reject(error)));
    });
  }
  output.end();
}

/** The chunks are copied: they may be used again. */
async function* batches(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let batch = Buffer.allocUnsafe(BATCH_BYTES);
  let used = 0;
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length; ) {
      const part = Math.min(bytes.length - at, BATCH_BYTES - used);
      batch.set(bytes.subarray(at, at + part), used);
      used += part;
      at += part;
      if (used < BATCH_BYTES) continue;
      yield batch;
      batch = Buffer.allocUnsafe(BATCH_BYTES);
      used = 0;
    }
  }
  if (used > 0) yield batch.subarray(0, used);
}
