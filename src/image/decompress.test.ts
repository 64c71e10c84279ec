import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decompressed } from "./decompress.ts";
import type { Compression } from "./media-types.ts";

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function read(bytes: Uint8Array, length: number, compression: Compression = "zstd"): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompressed(inPieces(bytes, length), compression, "test")) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}

const one = "one ".repeat(5000);
const two = "two ".repeat(700);
const frame = (text: string) => zstdCompressSync(Buffer.from(text));
const skippable = Buffer.concat([Buffer.from("502a4d1804000000", "hex"), Buffer.from("skip")]);
const LENGTHS = [1, 7, 64, 1000, 1 << 20];

describe("zstd of several frames", () => {
  test.for<[string, readonly Uint8Array[], string]>([
    ["one", [frame(one)], one],
    ["two", [frame(one), frame(two)], one + two],
    ["an empty one behind", [frame(one), frame("")], one],
    ["an empty one before", [frame(""), frame(one)], one],
    [
      "skippable ones all over",
      [skippable, frame(one), skippable, skippable, frame(two), skippable],
      one + two,
    ],
    ["many", Array.from({ length: 50 }, () => frame("x")), "x".repeat(50)],
  ])("%s, in whatever pieces they come", async ([, frames, text]) => {
    for (const length of LENGTHS) expect(await read(Buffer.concat(frames), length)).toBe(text);
  });

  test.for<[string, Uint8Array]>([
    ["rubbish behind", Buffer.concat([frame(one), Buffer.from("rubbish behind")])],
    ["zeros behind", Buffer.concat([frame(one), Buffer.alloc(512)])],
    ["the second one cut", Buffer.concat([frame(one), frame(two).subarray(0, -3)])],
    ["the only one cut", frame(one).subarray(0, -3)],
    ["no frame", Buffer.from("no frame at all")],
  ])("%s is damaged", async ([, bytes]) => {
    for (const length of LENGTHS) {
      await expect(read(bytes, length)).rejects.toMatchObject({ code: "LAYER_DAMAGED" });
    }
  });
});

test("gzip of several members is read, and what follows the last one is refused", async () => {
  const members = Buffer.concat([gzipSync(one), gzipSync(two)]);
  for (const length of LENGTHS) expect(await read(members, length, "gzip")).toBe(one + two);
  const more = Buffer.concat([members, Buffer.from("more")]);
  await expect(read(more, 64, "gzip")).rejects.toMatchObject({ code: "LAYER_DAMAGED" });
});

test.for(["gzip", "zstd"] as const)(
  "an error of what gives the bytes of a %s is the error",
  async (compression) => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield compression === "gzip" ? gzipSync(one).subarray(0, 20) : frame(one).subarray(0, 12);
      throw new RangeError("the connection is gone");
    }
    const reading = async () => {
      for await (const _ of decompressed(failing(), compression, "test"));
    };
    await expect(reading()).rejects.toThrow(RangeError);
  },
);

test("who stops early lets the source go", async () => {
  let isOpen = true;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield frame(one);
    } finally {
      isOpen = false;
    }
  }
  for await (const _ of decompressed(source(), "zstd", "test")) break;
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOpen).toBe(false);
});
