import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { CambiumError, messageOf } from "../errors.ts";
import type { Compression } from "./media-types.ts";

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
  let received = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      received += chunk.byteLength;
      yield chunk;
    }
  }
  const input = Readable.from(counted());
  const options = { chunkSize: 1 << 20 };
  const output = compression === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  let sourceError: Error | undefined;
  input.once("error", (error) => {
    sourceError = error;
    output.destroy(error);
  });
  try {
    yield* input.pipe(output);
    // Node passes over what follows the last member; Go's readers, and so container engines, refuse it.
    if (received > output.bytesWritten)
      throw new Error(`${received - output.bytesWritten} bytes follow its end`);
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    throw new CambiumError(
      "LAYER_DAMAGED",
      `${where}: its ${compression} stream is damaged: ${messageOf(error)}`,
      {
        hint: "Fetch or build the layer again.",
        cause: error,
      },
    );
  } finally {
    input.destroy();
    output.destroy();
  }
}
