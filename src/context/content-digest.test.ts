import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { treeOf } from "../../tests/support/tree.ts";
import { type Digest, digestOf } from "../layer/digest.ts";
import { contentDigest, type DigestCache, digestKey } from "./content-digest.ts";
import { type ContextFile, walkContext } from "./walk.ts";

function memoryCache(): DigestCache & { readonly map: Map<string, Digest> } {
  const map = new Map<string, Digest>();
  return { map, get: (key) => map.get(key), put: (key, digest) => void map.set(key, digest) };
}

async function onlyFile(root: string): Promise<ContextFile> {
  return (await walkContext(root, { ignoreFiles: [] })).files[0]!;
}

test.for([0, 1, 4096, (1 << 20) - 1, 1 << 20, 3_000_001])("a file of %i bytes", async (size) => {
  using folder = treeOf({ file: Buffer.alloc(size, "cambium") });
  const digest = await contentDigest(folder.path, await onlyFile(folder.path), memoryCache());
  expect(digest).toBe(digestOf(Buffer.alloc(size, "cambium")));
});

test("a digest that is known is not read again", async () => {
  using folder = treeOf({ file: "text" });
  const file = await onlyFile(folder.path);
  const cache = memoryCache();
  cache.put(digestKey(file), digestOf("from the cache"));
  expect(await contentDigest(folder.path, file, cache)).toBe(digestOf("from the cache"));
});

test("a file of just now is not kept, since it may change again within a tick of the clock", async () => {
  using folder = treeOf({ file: "text" });
  const cache = memoryCache();
  const file = await onlyFile(folder.path);
  await contentDigest(folder.path, file, cache);
  expect(cache.map.size).toBe(0);
  const old = { ...file, mtimeNs: file.mtimeNs, ctimeNs: file.ctimeNs };
  const hourAgo = Date.now() / 1000 - 3600;
  utimesSync(join(folder.path, "file"), hourAgo, hourAgo);
  const touched = await onlyFile(folder.path);
  expect(digestKey(touched)).not.toBe(digestKey(old));
  // ctime cannot be set back, so the old file is played by its stamps.
  await contentDigest(folder.path, { ...touched, ctimeNs: touched.mtimeNs }, cache);
  expect([...cache.map.values()]).toEqual([digestOf("text")]);
});

test("a file that is written meanwhile is an error, not a wrong digest", async () => {
  using folder = treeOf({ file: "text" });
  const file = await onlyFile(folder.path);
  writeFileSync(join(folder.path, "file"), "longer text");
  await expect(contentDigest(folder.path, file, memoryCache())).rejects.toMatchObject({
    code: "CONTEXT_CHANGED",
  });
});

test("a file that became a link is not followed", async () => {
  using folder = treeOf({ file: { link: "/etc/hostname" } });
  const file: ContextFile = { ...(await onlyFile(folder.path)), type: "file" };
  await expect(contentDigest(folder.path, file, memoryCache())).rejects.toMatchObject({
    code: "CONTEXT_UNREADABLE",
    message: expect.stringContaining("file"),
  });
});
