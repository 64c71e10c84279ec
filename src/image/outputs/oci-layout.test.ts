import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ARM64, imageOf } from "../../../tests/support/images.ts";
import { layerOf } from "../../../tests/support/layers.ts";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import { hexOf } from "../../layer/digest.ts";
import { type ImageSet, imageSet } from "../image.ts";
import { loadImage } from "../load.ts";
import { parseReference } from "../reference.ts";
import { openLayoutFolder } from "../sources/layout-folder.ts";
import { validateImage } from "../validate.ts";
import { writeOciLayout } from "./oci-layout.ts";

const big = layerOf({ path: "big", file: Buffer.alloc(500_000, "b") });
const small = layerOf({ path: "small", file: "s" });
const other = layerOf({ path: "other", file: "o" });
const write = (set: ImageSet, dest: string, ...tags: string[]) =>
  writeOciLayout(set, dest, { tags: tags.map((tag) => parseReference(tag, "test")) }, () => undefined);

test("what is written validates, and a second time nothing is written", async () => {
  using folder = temporaryFolder();
  const set = imageSet([imageOf([big, small]), imageOf([big], {}, ARM64)]);
  const first = await write(set, folder.at("image"), "app:1");
  expect(first.writtenBlobs).toBe(7);
  const source = await openLayoutFolder(folder.at("image"), "1");
  expect(source.root.digest).toBe(first.digest);
  expect((await validateImage(source)).problems).toEqual([]);
  expect((await loadImage(source, ARM64)).layers).toHaveLength(1);
  const before = statSync(folder.at("image/index.json")).ino;
  expect((await write(set, folder.at("image"), "app:1")).writtenBytes).toBe(0);
  expect(statSync(folder.at("image/index.json")).ino).toBe(before);
});

test("a changed image writes its new blobs, and images under other tags stay", async () => {
  using folder = temporaryFolder();
  const dest = folder.at("image");
  const one = imageSet([imageOf([big, small])]);
  const two = imageSet([imageOf([big, other])]);
  await write(one, dest, "app:1");
  expect((await write(two, dest, "app:2")).writtenBlobs).toBe(3); // layer, config, manifest
  expect((await openLayoutFolder(dest, "1")).root.digest).toBe(one.images[0]!.manifest.descriptor.digest);
  await expect(openLayoutFolder(dest)).rejects.toMatchObject({ code: "SOURCE_AMBIGUOUS" });
  await expect(openLayoutFolder(dest, "3")).rejects.toMatchObject({
    code: "SOURCE_TAG_UNKNOWN",
    hint: "It has: docker.io/library/app:1, docker.io/library/app:2.",
  });
  await write(two, dest, "app:1");
  expect((await openLayoutFolder(dest, "docker.io/library/app:1")).root.digest).toBe(
    two.images[0]!.manifest.descriptor.digest,
  );
});

test("a blob of the wrong size is written again, a missing one too", async () => {
  using folder = temporaryFolder();
  const dest = folder.at("image");
  const set = imageSet([imageOf([big, small])]);
  await write(set, dest);
  truncateSync(`${dest}/blobs/sha256/${hexOf(big.descriptor.digest)}`, 10);
  rmSync(`${dest}/blobs/sha256/${hexOf(small.descriptor.digest)}`);
  expect((await write(set, dest)).writtenBlobs).toBe(2);
  expect((await validateImage(await openLayoutFolder(dest))).problems).toEqual([]);
});

test("a layer that is not what it says leaves the image of before in place", async () => {
  using folder = temporaryFolder();
  const dest = folder.at("image");
  await write(imageSet([imageOf([small])]), dest, "app:1");
  const before = readFileSync(`${dest}/index.json`, "utf8");
  const lying = { ...other, compressed: () => small.compressed() };
  await expect(write(imageSet([imageOf([lying])]), dest, "app:1")).rejects.toMatchObject({
    code: expect.stringMatching(/^(DIGEST|SIZE)_INVALID$/),
  });
  expect(readFileSync(`${dest}/index.json`, "utf8")).toBe(before);
  // The new config may be there, which nothing names; the bad layer and temporary files may not.
  const names = readdirSync(`${dest}/blobs/sha256`);
  expect(names).not.toContain(hexOf(other.descriptor.digest));
  expect(names.every((name) => /^[0-9a-f]{64}$/.test(name))).toBe(true);
});

test("folders of something else, damaged layouts and places that cannot be written are named", async () => {
  using folder = temporaryFolder();
  const set = imageSet([imageOf([small])]);
  mkdirSync(folder.at("mine"));
  writeFileSync(folder.at("mine/file"), "");
  await expect(write(set, folder.at("mine"))).rejects.toMatchObject({ code: "OUTPUT_EXISTS", exitCode: 2 });
  await expect(write(set, folder.at("mine/file/x"))).rejects.toMatchObject({
    code: "OUTPUT_UNWRITABLE",
    exitCode: 3,
  });
  await write(set, folder.at("image"));
  for (const text of ["{", "[]", '{"manifests":[{"annotations":{"a":1}}]}']) {
    writeFileSync(folder.at("image/index.json"), text);
    await expect(write(set, folder.at("image"))).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
  }
});
