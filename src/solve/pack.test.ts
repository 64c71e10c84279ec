import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deflatePinned } from "../layer/deflate.ts";
import { digestOf } from "../layer/digest.ts";
import { BlobStore } from "../store/blobs.ts";
import { openStore } from "../store/store.ts";
import { type Deflater, Pack } from "./pack.ts";

const root = mkdtempSync(join(tmpdir(), "cambium-pack-"));
let blobs: BlobStore;
beforeAll(() => {
  // The store makes its folders.
  openStore(root).close();
  blobs = new BlobStore(root);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const contentOf = (size: number, seed: number) =>
  Uint8Array.from({ length: size }, (_, at) =>
    at % 97 < 60 ? at & 15 : Math.imul(at + seed, 2654435761) >>> 25,
  );
const sizes = [
  10,
  0,
  600_000,
  500_000,
  1 << 20,
  (1 << 20) + 1,
  3_000_000,
  (4 << 20) + 5,
  7,
  2_000,
  1_500_000,
];
const contents = sizes.map(contentOf);

/** Answers late, the first call last of those that are under way. */
function elsewhere(): Deflater & { readonly calls: readonly number[] } {
  const calls: number[] = [];
  return {
    calls,
    parallel: 3,
    async deflate(all) {
      const turns = 20 - 5 * (calls.push(all.length) % 4);
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      return all.map(deflatePinned);
    },
  };
}

async function packed(deflater: Deflater | undefined, all: readonly Uint8Array[]) {
  const pack = await Pack.create(blobs, deflater);
  const digests: string[] = [];
  try {
    for (const bytes of all) {
      const file = pack.open();
      for (let at = 0; at < bytes.length; at += 300_000) await file.write(bytes.subarray(at, at + 300_000));
      digests.push(await file.end());
    }
  } catch (error) {
    await pack.discard();
    throw error;
  }
  return { digests, places: await pack.finish() };
}

test("deflated elsewhere, in whatever order it comes back, it has the same bytes", async () => {
  const deflater = elsewhere();
  const here = await packed(undefined, contents);
  expect(await packed(deflater, contents)).toEqual(here);
  expect(here.digests).toEqual(contents.map((bytes) => digestOf(bytes)));
  expect(here.places.size).toBe(contents.length - 1);
  // Small ones went together, and the one above 4 MiB was deflated here.
  expect(deflater.calls.reduce((sum, count) => sum + count, 0)).toBe(contents.length - 2);
  expect(deflater.calls.length).toBeLessThan(contents.length - 2);
});

test("a content that comes again is there once", async () => {
  const [small] = contents;
  const { places } = await packed(elsewhere(), [small!, contents[3]!, small!]);
  expect([...places.values()].map(({ offset }) => offset)).toEqual([0, deflatePinned(small!).length]);
});

test.for([
  { when: "while more comes", all: contents },
  { when: "at the end", all: contents.slice(0, 1) },
])("a failure elsewhere, $when, ends it, and nothing is left", async ({ all }) => {
  const deflater = { parallel: 1, deflate: () => Promise.reject(new Error("no thread")) };
  await expect(packed(deflater, all)).rejects.toThrow("no thread");
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
});
