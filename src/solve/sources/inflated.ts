import { Readable } from "node:stream";
import { createInflateRaw } from "node:zlib";
import { CHUNK_BYTES } from "../../layer/chunks.ts";
import type { BlobReader, Payload } from "../../layer/segment.ts";

/** The content of a payload, which was checked when its segment was made. Memory: a few chunks. */
export async function* inflated(blobs: BlobReader, payload: Payload): AsyncGenerator<Uint8Array> {
  const deflated = Readable.from(piecesOf(blobs, payload));
  const output = createInflateRaw({ chunkSize: CHUNK_BYTES });
  deflated.once("error", (error) => output.destroy(error));
  try {
    yield* deflated.pipe(output);
  } finally {
    deflated.destroy();
    output.destroy();
  }
}

async function* piecesOf(blobs: BlobReader, { blob, offset, length }: Payload): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < length; at += CHUNK_BYTES) {
    const piece = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, length - at));
    blobs.read(blob, offset + at, piece);
    yield piece;
  }
}
