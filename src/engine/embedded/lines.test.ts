import fc from "fast-check";
import { expect, test } from "vitest";
import { LineSplitter } from "./lines.ts";

function linesOf(...chunks: readonly (string | Uint8Array)[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.finish();
  return lines;
}

test("lines come whole, however the bytes are cut", () => {
  const text = "first\nzweite Zeile äöü 😀\r\n\nlast";
  fc.assert(
    fc.property(fc.array(fc.nat(Buffer.byteLength(text)), { maxLength: 8 }), (cuts) => {
      const bytes = Buffer.from(text);
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((end, n) => bytes.subarray(places[n], end));
      expect(linesOf(...chunks)).toEqual(["first", "zweite Zeile äöü 😀", "", "last"]);
    }),
  );
});

test("a line without an end comes in pieces, none of which cuts a character", () => {
  const text = "ä".repeat(100_001);
  const lines = linesOf(`x${text}`);
  expect(lines.length).toBeGreaterThan(10);
  expect(lines.join("")).toBe(`x${text}`);
  expect(Math.max(...lines.map((line) => Buffer.byteLength(line)))).toBeLessThanOrEqual(16 << 10);
});

test("bytes that are no UTF-8 do no harm", () => {
  expect(linesOf(Buffer.of(0x61, 0xff, 0x0a, 0x62))).toEqual(["a\ufffd", "b"]);
  expect(linesOf(new Uint8Array(40_000).fill(0x80)).join("")).toBe("\ufffd".repeat(40_000));
});
