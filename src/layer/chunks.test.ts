import { expect, test } from "vitest";
import { CHUNK_BYTES, freeMemory, giveBackChunk, takeChunk } from "./chunks.ts";

test("what is given back, even as a part, is what is taken next", () => {
  const chunk = takeChunk();
  expect(chunk).toHaveLength(CHUNK_BYTES);
  giveBackChunk(chunk.subarray(10, 20));
  expect(takeChunk().buffer).toBe(chunk.buffer);
});

test("nobody gets a chunk that somebody has: given back twice it is spare once, kept it is never", () => {
  const [kept, twice] = [takeChunk(), takeChunk()];
  giveBackChunk(twice);
  giveBackChunk(twice);
  const next = [takeChunk(), takeChunk(), takeChunk()].map(({ buffer }) => buffer);
  expect(new Set([kept.buffer, ...next]).size).toBe(4);
  expect(next.filter((buffer) => buffer === twice.buffer)).toHaveLength(1);
});

test("bytes that were never a chunk are left alone", () => {
  const own = Buffer.alloc(CHUNK_BYTES);
  giveBackChunk(own);
  expect(takeChunk().buffer).not.toBe(own.buffer);
});

test("freed memory is gone at once, for whoever still has a view of it", () => {
  const before = process.memoryUsage().arrayBuffers;
  const bytes = Buffer.allocUnsafeSlow(64 << 20);
  const view = bytes.subarray(5, 10);
  freeMemory(bytes.buffer);
  expect(view).toHaveLength(0);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20);
});
