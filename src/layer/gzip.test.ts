import { gunzipSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { deflatePinned } from "./deflate.ts";
import { digestOf } from "./digest.ts";
import { headerMember } from "./gzip.ts";

/** Bytes with runs and with repeats 512 apart, which is what the encoder looks for. */
const blocks = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.tuple(fc.nat(255), fc.nat(700)).map(([byte, n]) => new Uint8Array(n).fill(byte)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => Buffer.concat(parts))
  .chain((part) =>
    fc
      .nat(3)
      .map((n) =>
        Buffer.concat(
          Array.from({ length: n + 1 }, () =>
            Buffer.concat([part, new Uint8Array((512 - (part.length % 512)) % 512)]),
          ),
        ),
      ),
  );

test("what the header encoder writes, zlib reads", () => {
  fc.assert(
    fc.property(blocks, (bytes) => {
      expect(gunzipSync(headerMember(bytes)).equals(bytes)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("every byte value, run length and repeat survives", () => {
  const parts = Array.from({ length: 600 }, (_, n) => new Uint8Array(n).fill(n % 256));
  const all = Buffer.concat([...parts, Uint8Array.from({ length: 2048 }, (_, i) => (i * 37) % 256)]);
  expect(gunzipSync(headerMember(all)).equals(all)).toBe(true);
});

test("layout 1: the pinned compressor's bytes do not move", () => {
  const text = Buffer.from(
    "cambium ".repeat(5000) + Array.from({ length: 3000 }, (_, i) => (i * i) % 997).join(" "),
  );
  expect(inflateRawSync(deflatePinned(text)).equals(text)).toBe(true);
  expect([
    digestOf(deflatePinned(text)),
    digestOf(deflatePinned(text.subarray(0, 300))),
    digestOf(headerMember(text)),
  ]).toMatchInlineSnapshot(`
    [
      "sha256:86152e0ffddb8540d8b5788feb79a76e06ac4807d8c7071d2b050500e51c6e02",
      "sha256:51eab319dc94e5b5fc2edbde1d38aebe9a051a45c9955e2c2b057727605bba20",
      "sha256:106085046c86d2ad48272cda2dd2d4747899fbf875da1a4a5d74b94604eda561",
    ]
  `);
});
