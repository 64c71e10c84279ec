import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { deflatePinned } from "../../layer/deflate.ts";
import { digestOf } from "../../layer/digest.ts";
import { MemberFile } from "./member-file.ts";

const folder = mkdtempSync(join(tmpdir(), "cambium-member-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytes = Buffer.from(Array.from({ length: 700_000 }, (_, n) => `${(n * 7919) % 10_007} `).join(""));

async function written(parallel: number, pieceBytes: number, delay: (n: number) => number) {
  const path = join(folder, `${parallel}-${pieceBytes}`);
  let running = 0;
  let most = 0;
  let calls = 0;
  const compress = async (block: Uint8Array) => {
    running += 1;
    most = Math.max(most, running);
    await sleep(delay(calls++));
    running -= 1;
    return deflatePinned(block);
  };
  const file = await MemberFile.create(path, compress, parallel);
  for (let at = 0; at < bytes.length; at += pieceBytes) await file.write(bytes.subarray(at, at + pieceBytes));
  const end = await file.finish();
  return { ...end, most, content: readFileSync(path) };
}

test("the bytes do not depend on pieces, workers or who is faster", async () => {
  const one = await written(1, 1 << 20, () => 0);
  const many = await written(3, 100_003, (n) => (n % 3 === 0 ? 8 : 1));
  expect(many.digest).toBe(one.digest);
  expect(many.content.equals(one.content)).toBe(true);
  expect(gunzipSync(one.content).equals(bytes)).toBe(true);
  expect(one.digest).toBe(digestOf(one.content));
  expect(one.sizeBytes).toBe(one.content.length);
  // Besides those at work, two wait.
  expect(one.most).toBeLessThanOrEqual(1 + 2);
  expect(many.most).toBeGreaterThan(1);
  expect(many.most).toBeLessThanOrEqual(3 + 2);
});

test("a compressor that fails is heard of", async () => {
  const file = await MemberFile.create(join(folder, "x"), () => Promise.reject(new Error("no worker")), 4);
  await file.write(bytes.subarray(0, 2 << 20));
  await expect(file.finish()).rejects.toThrow("no worker");
  await file.abandon();
});
