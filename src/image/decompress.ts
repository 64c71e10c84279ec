import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress, type ZstdDecompress } from "node:zlib";
import { CambiumError, messageOf } from "../errors.ts";
import type { Compression } from "./media-types.ts";

const CHUNK_BYTES = 1 << 20;

/** The tar inside a layer. @throws CambiumError `LAYER_DAMAGED` for what does not decompress. */
export async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
  where: string,
): AsyncGenerator<Uint8Array> {
  if (compression === "none") {
    yield* source;
    return;
  }
  let failure: { readonly error: unknown } | undefined;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      failure = { error };
      throw error;
    }
  }
  try {
    yield* compression === "gzip" ? gunzipped(watched()) : unzstd(watched());
  } catch (error) {
    if (failure !== undefined) throw failure.error;
    throw new CambiumError(
      "LAYER_DAMAGED",
      `${where}: its ${compression} stream is damaged: ${messageOf(error)}`,
      {
        hint: "Fetch or build the layer again.",
        cause: error,
      },
    );
  }
}

async function* gunzipped(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let received = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      received += chunk.byteLength;
      yield chunk;
    }
  }
  const input = Readable.from(counted());
  const output = createGunzip({ chunkSize: CHUNK_BYTES });
  input.once("error", (error) => output.destroy(error));
  try {
    yield* input.pipe(output);
    // Node passes over what follows the last member; Go's readers, and so container engines, refuse it.
    if (received > output.bytesWritten)
      throw new Error(`${received - output.bytesWritten} bytes follow its end`);
  } finally {
    input.destroy();
    output.destroy();
  }
}

/**
 * All frames, skippable ones too (RFC 8878, 3.1): tools that make layers to be fetched in parts write many. Node's
 * decompressor ends with a frame that ends within what it was given; the rest of that goes to the next one.
 */
async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Uint8Array | undefined;
  try {
    do {
      const output = createZstdDecompress({ chunkSize: CHUNK_BYTES });
      try {
        const fed = feedFrame(output, rest, chunks).catch((error: Error) => {
          output.destroy(error);
          return undefined;
        });
        yield* output as AsyncIterable<Uint8Array>;
        rest = await fed;
      } finally {
        output.destroy();
      }
    } while (rest !== undefined);
  } finally {
    // Not awaited: it waits for a chunk that is on its way, which may never come.
    chunks.return?.().catch(() => undefined);
  }
}

/** @returns what of the last chunk the decompressor did not take, since its frame had ended; undefined at the end of all. */
async function feedFrame(
  output: ZstdDecompress,
  first: Uint8Array | undefined,
  chunks: AsyncIterator<Uint8Array>,
): Promise<Uint8Array | undefined> {
  let given = 0;
  for (let chunk = first; ; chunk = undefined) {
    if (chunk === undefined) {
      const next = await chunks.next();
      if (next.done === true) break;
      chunk = next.value;
    }
    const bytes = chunk;
    await new Promise<void>((resolve, reject) => {
      output.write(bytes, (error) => (error == null ? resolve() : reject(error)));
    });
    given += bytes.length;
    if (output.bytesWritten < given) return bytes.subarray(bytes.length - (given - output.bytesWritten));
  }
  output.end();
  return undefined;
}
