import { zstdDecompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { zstdCompressed } from "./zstd.ts";

async function compressed(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of zstdCompressed(pieces)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* inPieces(bytes: Buffer, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

/** Bytes that do not compress, the same each time. */
function noise(length: number): Buffer {
  let state = 1;
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    bytes[at] = state >> 16;
  }
  return bytes;
}

const EMPTY_FRAME = Buffer.from("28b52ffd2000010000", "hex");

// Sizes around those of blocks and batches, and one at which Node wrote a second frame.
test.for([0, 1, 131_072, 1_013_760, 1 << 20, (1 << 20) + 1, 3_000_000])(
  "%d bytes become one frame, in whatever pieces they come",
  async (size) => {
    const bytes = noise(size);
    for (const length of [512, 65_536, 1 << 20, 5_000_000]) {
      const frame = await compressed(inPieces(bytes, length));
      expect(zstdDecompressSync(frame).equals(bytes)).toBe(true);
      if (size > 0) expect(frame.subarray(-9).equals(EMPTY_FRAME)).toBe(false);
    }
  },
);

test("an error of the source is the error, and nothing waits for ever", async () => {
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("some");
    throw new Error("the source is gone");
  }
  await expect(compressed(failing())).rejects.toThrow("the source is gone");
});
