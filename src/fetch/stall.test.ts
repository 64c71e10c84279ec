import { expect, test } from "vitest";
import { withoutStalls } from "./stall.ts";

/** Chunks of `bytes`, each after `sourceMs`; the reader takes `readerMs` for each. */
async function readAt(pace: { bytes: number; sourceMs: number; readerMs: number }): Promise<number> {
  let nowMs = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let number = 0; number < 100; number++) {
      nowMs += pace.sourceMs;
      yield new Uint8Array(pace.bytes);
    }
  }
  const limits = { windowMs: 30_000, now: () => nowMs };
  let received = 0;
  for await (const chunk of withoutStalls(source(), limits, (reason) => new Error(reason))) {
    received += chunk.byteLength;
    nowMs += pace.readerMs;
  }
  return received;
}

test("a source that trickles is given up after a window", async () => {
  await expect(readAt({ bytes: 1, sourceMs: 1000, readerMs: 0 })).rejects.toThrow("31 bytes in 31 s");
});

test("a slow source that gets on is not", async () => {
  expect(await readAt({ bytes: 1000, sourceMs: 5000, readerMs: 0 })).toBe(100_000);
});

test("a slow reader is not the source's fault", async () => {
  expect(await readAt({ bytes: 1, sourceMs: 0, readerMs: 10_000 })).toBe(100);
});
