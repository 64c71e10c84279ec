import { xz } from "@napi-rs/lzma";
import { expect, test } from "vitest";
import { xzDecompress } from "./xz.ts";

const text = Buffer.from("some text, some text, some text\n".repeat(2000));
const packed = xz.compressSync(text);

test("gives back what was packed, and an empty file as well", async () => {
  expect(Buffer.from(await xzDecompress(packed, 1 << 20, "x")).equals(text)).toBe(true);
  expect(await xzDecompress(xz.compressSync(Buffer.alloc(0)), 1 << 20, "x")).toHaveLength(0);
});

test("holds the declared size to the limit before anything is decompressed", async () => {
  await expect(xzDecompress(packed, text.length - 1, "data.tar.xz")).rejects.toMatchObject({
    code: "ARCHIVE_LIMIT",
    message: `data.tar.xz: ${text.length} bytes when decompressed, beyond ${text.length - 1}`,
  });
});

test.for([0, 5, 24, 40, packed.length - 12, packed.length - 1])(
  "cut after %i bytes is refused",
  async (length) => {
    await expect(xzDecompress(packed.subarray(0, length), 1 << 20, "x")).rejects.toMatchObject({
      code: "XZ_INVALID",
    });
  },
);

test("an index that declares less than there is is refused", async () => {
  const other = xz.compressSync(text.subarray(0, text.length - 33));
  // The block of one stream with the index of another: both are well-formed.
  const indexOf = (bytes: Uint8Array) =>
    bytes.length - 12 - (Buffer.from(bytes).readUInt32LE(bytes.length - 8) + 1) * 4;
  const mixed = Buffer.concat([packed.subarray(0, indexOf(packed)), other.subarray(indexOf(other))]);
  await expect(xzDecompress(mixed, 1 << 20, "x")).rejects.toMatchObject({ code: "XZ_INVALID" });
});
