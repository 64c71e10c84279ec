import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { imageOf } from "../../tests/support/images.ts";
import { type HandMade, layerOf } from "../../tests/support/layers.ts";
import type { Layer } from "../layer/layer.ts";
import { type Image, imageSet } from "./image.ts";
import { blobOf, buildManifest } from "./manifest.ts";
import { sourceOfSet } from "./set-source.ts";
import type { ImageSource } from "./source.ts";
import { validateImage } from "./validate.ts";

const directory: HandMade = { path: "usr", directory: true };
const good = layerOf(directory, { path: "usr/a", file: "a" }, { path: "usr/b", hardlink: "usr/a" });
const check = (image: Image) => validateImage(sourceOfSet(imageSet([image]), "test"));
const codes = async (image: Image) => (await check(image)).problems.map(({ code }) => code);
const layers = (...all: Layer[]) => imageOf(all);

test("a right image has no problem, and what was recomputed is counted", async () => {
  const report = await check(layers(good, layerOf(directory, { path: "usr/c", file: "c" }), good));
  expect(report.problems).toEqual([]);
  expect(report.checked).toMatchObject({ manifests: 1, layers: 2, entries: 5 });
});

test("a layer of other bytes, of another size, and one that is missing are each told", async () => {
  const other = layerOf({ path: "x", file: "x" });
  const cases: [Layer, string[]][] = [
    [{ ...good, descriptor: { ...good.descriptor, digest: other.descriptor.digest } }, ["DIGEST_INVALID"]],
    [{ ...good, descriptor: { ...good.descriptor, size: 5 } }, ["SIZE_INVALID"]],
    [{ ...good, diffId: other.diffId }, ["DIFF_ID_INVALID"]],
  ];
  for (const [layer, want] of cases) expect(await codes(layers(layer))).toEqual(want);
  const source = sourceOfSet(imageSet([layers(good)]), "test");
  const without: ImageSource = {
    ...source,
    read: (blob) => source.read(blob.digest === good.descriptor.digest ? other.descriptor : blob),
  };
  expect((await validateImage(without)).problems).toMatchObject([{ code: "BLOB_UNKNOWN" }]);
});

test("cut gzip, cut tar and bytes behind the gzip are problems of the layer", async () => {
  const bytes: Uint8Array[] = [];
  for await (const chunk of good.compressed()) bytes.push(chunk);
  const whole = Buffer.concat(bytes);
  const made = (content: Uint8Array): Layer => ({
    descriptor: blobOf(content, good.descriptor.mediaType).descriptor,
    diffId: good.diffId,
    compressed: async function* () {
      yield content;
    },
  });
  expect(await codes(layers(made(whole.subarray(0, -20))))).toEqual(["LAYER_DAMAGED"]);
  expect(await codes(layers(made(Buffer.from("not gzip"))))).toEqual(["LAYER_DAMAGED"]);
  expect(await codes(layers(made(Buffer.concat([whole, Buffer.from("more")]))))).toEqual(["LAYER_DAMAGED"]);
  expect(await codes(layers(made(Buffer.concat([whole, gzipSync("")]))))).toEqual([]);
});

test.for<[string, HandMade[][], string]>([
  ["a path twice", [[directory, directory]], "LAYER_DUPLICATE"],
  [
    "a parent that is a link below",
    [[{ path: "lib", link: "usr/lib" }], [{ path: "lib/x", file: "x" }]],
    "LAYER_PARENT",
  ],
  [
    "a parent that is a file below",
    [[{ path: "lib", file: "" }], [{ path: "lib/x", file: "x" }]],
    "LAYER_PARENT",
  ],
  [
    "a directory over a link below",
    [[{ path: "lib", link: "usr/lib" }], [{ path: "lib", directory: true }]],
    "LAYER_HIDES",
  ],
  ["a file over a directory below", [[directory], [{ path: "usr", file: "" }]], "LAYER_HIDES"],
  [
    "a directory with another mode",
    [[directory], [{ path: "usr", directory: true, mode: 0o700 }]],
    "LAYER_CHANGES",
  ],
  ["a hard link to nothing", [[{ path: "l", hardlink: "gone" }]], "LAYER_LINK"],
])("%s is a problem", async ([, contents, code]) => {
  expect(await codes(layers(...contents.map((entries) => layerOf(...entries))))).toEqual([code]);
});

test("a whiteout makes room for something else", async () => {
  const below = layerOf({ path: "lib", link: "usr/lib" });
  const above = layerOf(
    { path: ".wh.lib", file: "" },
    { path: "lib", directory: true },
    { path: "lib/x", file: "x" },
  );
  expect(await codes(layers(below, above))).toEqual([]);
});

test("a manifest and a config that disagree are told, together with everything else", async () => {
  const image = layers(good, layerOf(directory, directory));
  const manifest = buildManifest(image.config.descriptor, [image.layers[1]!.descriptor]);
  const problems = await codes({ ...image, manifest });
  expect(problems.filter((code) => code === "CONFIG_INVALID")).toHaveLength(2); // diff ids, history
  expect(problems).toContain("DIFF_ID_INVALID");
  expect(problems).toContain("LAYER_DUPLICATE");
});

test("documents that are not what they should be are MANIFEST_INVALID", async () => {
  const image = layers(good);
  for (const text of [
    "no json",
    "[]",
    '{"schemaVersion":2}',
    '{"schemaVersion":1,"config":{},"layers":[]}',
  ]) {
    const manifest = blobOf(Buffer.from(text), image.manifest.descriptor.mediaType);
    expect(await codes({ ...image, manifest })).toEqual(["MANIFEST_INVALID"]);
  }
});
