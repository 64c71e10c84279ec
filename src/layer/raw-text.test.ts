import fc from "fast-check";
import { expect, test } from "vitest";
import { bytesFromText, textFromBytes } from "./raw-text.ts";

test("bytes come back as they were, whatever they are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect([...bytesFromText(textFromBytes(Buffer.from(bytes)))]).toEqual([...bytes]);
    }),
    { numRuns: 2000 },
  );
});

test("what is UTF-8 reads as ever", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      fc.pre(text.isWellFormed());
      expect(textFromBytes(Buffer.from(text))).toBe(text);
      expect(bytesFromText(text)).toEqual(Buffer.from(text));
    }),
  );
});

test("stray bytes stand between characters, also next to those that are pairs in UTF-16", () => {
  const bytes = Buffer.concat([Buffer.from("é😀"), Buffer.of(0xff, 0xed, 0xa0, 0x80), Buffer.from("😀")]);
  expect(textFromBytes(bytes)).toBe("é😀\udcff\udced\udca0\udc80😀");
  expect(bytesFromText(textFromBytes(bytes))).toEqual(bytes);
});

test("different bytes have different texts", () => {
  const names = [Buffer.of(0xff), Buffer.of(0xfe), Buffer.from("\ufffd"), Buffer.of(0xed, 0xb3, 0xbf)];
  expect(new Set(names.map(textFromBytes)).size).toBe(names.length);
});
