import { expect, test } from "vitest";
import { CHUNK_BYTES } from "./chunks.ts";
import { deflatePinned, PinnedDeflate } from "./deflate.ts";

/** Text that repeats, bytes that hardly do, and a mix. */
const CONTENTS: Readonly<Record<string, (i: number) => number>> = {
  text: (i) => "lorem ipsum ".charCodeAt(i % 12),
  noise: (i) => Math.imul(i ^ (i >>> 7), 2654435761) >>> 24,
  mix: (i) => (i % 997 < 500 ? i & 7 : Math.imul(i, 2654435761) >>> 25),
};
const SIZES = [1, 100, 32_767, 32_768, 65_537, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3_000_000];

test.for(SIZES.flatMap((size) => Object.keys(CONTENTS).map((kind) => [size, kind] as const)))(
  "%i bytes of %s are deflated the same at once and in pieces",
  ([size, kind]) => {
    const bytes = Uint8Array.from({ length: size }, (_, i) => CONTENTS[kind]!(i));
    const stream = new PinnedDeflate();
    const parts: Uint8Array[] = [];
    for (let at = 0; at < size; at += CHUNK_BYTES)
      parts.push(...stream.push(bytes.subarray(at, at + CHUNK_BYTES)));
    parts.push(...stream.finish());
    expect(Buffer.concat(parts).equals(deflatePinned(bytes))).toBe(true);
  },
);
