import { readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { deflateRaw } from "pako";
import { describe, expect, test } from "vitest";
import { Encoder } from "./deflate/encoder.ts";
import { deflatePinned, PinnedDeflate } from "./deflate.ts";

/** What layers were deflated with before, and what the encoder's bytes must be for ever. */
const byPako = (bytes: Uint8Array) =>
  deflateRaw(bytes, { level: 4, memLevel: 8, windowBits: 15, strategy: 0, raw: true });

function expectPakos(bytes: Uint8Array, name?: string): void {
  const deflated = deflatePinned(bytes);
  expect(Buffer.compare(deflated, byPako(bytes)), name).toBe(0);
  expect(inflateRawSync(deflated).equals(bytes), name).toBe(true);
}

/** The same numbers each time, from 0 to 1. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2_246_822_507) + 0x9e3779b9) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Bytes of so many values, of which a share is copied from `near` to `far` bytes before. */
function mixed(size: number, seed: number, values: number, share: number, near: number, far: number) {
  const next = numbers(seed);
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    if (at <= far || next() > share) {
      bytes[at++] = Math.floor(next() * values);
      continue;
    }
    const back = near + Math.floor(next() * (far - near));
    for (let left = 1 + Math.floor(next() ** 4 * 600); left > 0 && at < size; left--, at++) {
      bytes[at] = bytes[at - back]!;
    }
  }
  return bytes;
}

describe("the pinned compressor gives the bytes of pako", () => {
  test("for any short content", () => {
    const few = fc.array(fc.integer({ min: 97, max: 101 }), { maxLength: 60 });
    const any = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.oneof(few, any), (bytes) => expectPakos(Uint8Array.from(bytes))),
      { numRuns: 3000 },
    );
  });

  test.for([
    ["bytes that hardly repeat", 250, 0.02, 1, 300],
    ["short repetitions nearby", 60, 0.3, 1, 300],
    ["long ones", 256, 0.9, 1, 5000],
    ["as far as a window reaches", 256, 0.5, 32_000, 33_000],
    ["where three bytes are too far", 16, 0.4, 3900, 4300],
    ["hardly anything but repetitions", 2, 0.99, 1, 40],
  ] as const)("for %s", ([, values, share, near, far]) => {
    for (let seed = 1; seed <= 25; seed++) {
      const size = Math.floor(numbers(seed)() ** 2 * 300_000);
      expectPakos(mixed(size, seed, values, share, near, far), `seed ${seed}`);
    }
  });

  test("at every size around the ends of windows and blocks", () => {
    const content = mixed(140_000, 7, 200, 0.2, 1, 32_700);
    for (const around of [16_383, 32_768, 65_274, 65_536, 98_304, 131_072]) {
      for (let size = around - 12; size < around + 12; size++) {
        expectPakos(content.subarray(0, size), `${size}`);
        expectPakos(new Uint8Array(size), `${size} zeros`);
      }
    }
  });

  /** The hash of four bytes does not tell two fourths that are 128 apart. */
  const twice = (size: number, first: number, second: number, fourth: number) => {
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8) * 13) & 127);
    bytes.set([200, 201, 202, fourth], first);
    bytes.set([200, 201, 202, fourth + 128], second);
    return bytes;
  };

  test("where three bytes repeat, up to the distance at which that is too far", () => {
    for (let distance = 4090; distance < 4100; distance++) {
      expectPakos(twice(20_000, 5000, 5000 + distance, 17), `${distance}`);
    }
  });

  test("where three bytes are the last, and a fourth is only in zlib's window", () => {
    for (const size of [30_000, 50_000, 65_400, 70_000, 131_000, 140_000, 300_000]) {
      for (const fourth of [0, 33]) {
        const bytes = twice(size + 1, size - 500, size - 3, fourth).subarray(0, size);
        bytes[size - 32_768] = fourth;
        expectPakos(bytes, `${size}`);
        const stream = new PinnedDeflate();
        const parts = [stream.push(bytes), stream.finish()];
        expect(Buffer.concat(parts).equals(byPako(bytes)), `${size} streamed`).toBe(true);
      }
    }
  });

  test("where a repetition is of what zlib's window begins with", () => {
    for (let at = 65_268; at < 65_280; at++) {
      for (const from of [32_766, 32_767, 32_768, 32_769, 32_770]) {
        const bytes = mixed(65_400, 13, 128, 0, 1, 2);
        for (const place of [from, at]) bytes.set([201, 202, 203, 204, 205, 206, 207, 208], place);
        expectPakos(bytes, `${from} at ${at}`);
      }
    }
  });

  test("where codes would be longer than deflate allows", () => {
    const counts = [1, 1];
    while (counts.length < 20) counts.push(counts.at(-1)! + counts.at(-2)!);
    const bytes = counts.flatMap((count, value) => new Array<number>(count).fill(value * 5));
    const next = numbers(3);
    // In an order in which hardly a match is found.
    expectPakos(Uint8Array.from(bytes.sort(() => next() - 0.5)));
  });

  test("for programs", () => {
    const bytes = readFileSync(process.execPath);
    for (let at = 0; at < bytes.length; at += 16 << 20) expectPakos(bytes.subarray(at, at + (1 << 20)));
  });
});

describe("streamed content", () => {
  const inParts = (content: Uint8Array, sizes: readonly number[], stream = new PinnedDeflate()) => {
    const parts: Uint8Array[] = [];
    let turn = 0;
    for (let at = 0; at < content.length; turn++) {
      const size = sizes[turn % sizes.length]!;
      parts.push(stream.push(content.subarray(at, at + size)));
      at += size;
    }
    return Buffer.concat([...parts, stream.finish()]);
  };

  test("is deflated as at once, however it is cut", () => {
    const content = mixed(3 << 20, 5, 180, 0.3, 1, 32_700);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: content.length }),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 70_000 }), fc.integer({ min: 1, max: 1 << 21 })), {
          minLength: 1,
          maxLength: 5,
        }),
        (size, sizes) => {
          const part = content.subarray(0, size);
          // Byte by byte only where that ends soon.
          const cuts = sizes.map((one) => Math.max(one, size >> 10));
          expect(inParts(part, cuts).equals(deflatePinned(part))).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
    const start = content.subarray(0, 70_000);
    expect(inParts(start, [1]).equals(deflatePinned(start))).toBe(true);
  });

  test("beside another stream, and after one that was given up", () => {
    const content = mixed(200_000, 9, 90, 0.4, 1, 9000);
    const wanted = Buffer.from(deflatePinned(content));
    const [one, other] = [new PinnedDeflate(), new PinnedDeflate()];
    new PinnedDeflate().push(content);
    const halves = [content.subarray(0, 99_999), content.subarray(99_999)];
    const parts = halves.map((half) => [one.push(half), other.push(half)]);
    expect(Buffer.concat([...parts.map(([part]) => part!), one.finish()]).equals(wanted)).toBe(true);
    expect(Buffer.concat([...parts.map(([, part]) => part!), other.finish()]).equals(wanted)).toBe(true);
    expect(wanted.equals(deflatePinned(content))).toBe(true);
  });

  test("is the same when positions begin anew, within it and between", () => {
    const content = mixed(1 << 20, 11, 120, 0.4, 1, 32_700);
    const wanted = Buffer.from(deflatePinned(content));
    const encoder = new Encoder(300_000);
    for (let round = 0; round < 3; round++) {
      encoder.begin();
      expect(Buffer.concat([encoder.push(content), encoder.finish()]).equals(wanted)).toBe(true);
      expect(Buffer.compare(encoder.encode(content), wanted)).toBe(0);
      const part = content.subarray(0, 250_000);
      expect(Buffer.compare(encoder.encode(part), deflatePinned(part))).toBe(0);
    }
  });
});
