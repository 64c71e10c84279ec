import { describe, expect, test } from "vitest";
import { type HandMade, layerFromTar, layerOf } from "../../tests/support/layers.ts";
import { block, tarOf } from "../../tests/support/tar-blocks.ts";
import type { Layer } from "../layer/layer.ts";
import { readTar } from "../layer/read-tar.ts";
import { writeTar } from "../layer/write-tar.ts";
import { mergedMembers } from "./merged-members.ts";

const merged = (layers: readonly Layer[]) => mergedMembers(layers, { where: "test" });

async function tarBytes(layers: readonly Layer[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(merged(layers))) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

/** What comes out, a line each: `f d/a: content`, `h b -> d/a`. */
async function lines(...stack: readonly (readonly HandMade[])[]): Promise<string[]> {
  const found: string[] = [];
  const tar = await tarBytes(stack.map((members) => layerOf(...members)));
  async function* source() {
    yield tar;
  }
  for await (const entry of readTar(source(), "test")) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry.content()) chunks.push(Uint8Array.from(chunk));
    const content = entry.type === "file" ? `: ${Buffer.concat(chunks)}` : "";
    const target = entry.target === undefined ? "" : ` -> ${entry.target}`;
    found.push(`${entry.type[0]} ${entry.path}${target}${content}`);
  }
  return found;
}

const file = (path: string, content = path): HandMade => ({ path, file: content });
const folder = (path: string): HandMade => ({ path, directory: true });
const hard = (path: string, hardlink: string): HandMade => ({ path, hardlink });

describe("a stack of layers as one tar", () => {
  test("has directories first, links last, and of each path what is uppermost", async () => {
    const lower = [{ path: "l", link: "d" }, folder("d"), file("d/a", "old"), file("d/b")];
    expect(await lines(lower, [folder("d"), file("d/a", "new"), file("e/f")])).toEqual([
      ...["d d", "d e", "f d/b: d/b", "f d/a: new", "f e/f: e/f", "s l -> d"],
    ]);
  });

  test("has no whiteout, and nothing that one took away", async () => {
    const lower = [file("a"), file("d/b"), file("d/c"), file("o/x")];
    const upper = [file(".wh.a", ""), file("d/.wh.b", ""), file("o/.wh..wh..opq", ""), file("o/y")];
    expect(await lines(lower, upper)).toEqual(["d d", "d o", "f d/c: d/c", "f o/y: o/y"]);
  });

  test("a link of a lower layer keeps the file that it was to, when its first name becomes another", async () => {
    const lower = [file("a", "one"), hard("b", "a"), hard("c", "a")];
    expect(await lines(lower, [file("a", "two")])).toEqual(["f b: one", "h c -> b", "f a: two"]);
    expect(await lines(lower, [file(".wh.a", "")])).toEqual(["f b: one", "h c -> b"]);
    expect(await lines(lower, [hard("0", "c")])).toEqual(["f 0: one", "h a -> 0", "h b -> 0", "h c -> 0"]);
  });

  test("a later member of the same path has the last word", async () => {
    expect(await lines([file("a", "one"), file("b"), file("a", "two")])).toEqual(["f b: b", "f a: two"]);
  });

  test("is nothing for no layers", async () => {
    expect(await lines()).toEqual([]);
  });
});

const hostile: readonly (readonly [string, string, readonly Layer[]])[] = [
  ["a path out of the root", "ARCHIVE_TRAVERSAL", [layerOf(file("../x"))]],
  ["a hard link out of the root", "ARCHIVE_TRAVERSAL", [layerOf(hard("x", "../etc/passwd"))]],
  ["a hard link to nothing", "LAYER_LINK", [layerOf(hard("x", "etc/passwd"))]],
  [
    "a file through a link of a lower layer to a file",
    "LAYER_PARENT",
    [layerOf(file("f"), { path: "l", link: "f" }), layerOf(file("l/x"))],
  ],
  ["a path below a file", "LAYER_PARENT", [layerOf(file("f")), layerOf(file("f/x"))]],
  [
    "a whiteout in disguise",
    "LAYER_OVERLAY",
    [layerFromTar(tarOf(block({ name: "x", type: "3", device: [0, 0] })))],
  ],
  ["a size beyond all", "ARCHIVE_TRUNCATED", [layerFromTar(tarOf(block({ name: "x", size: 2 ** 33 - 1 })))]],
];

test.for(hostile)("%s is %s, and nothing comes out", async ([, code, layers]) => {
  let members = 0;
  const read = async () => {
    for await (const _ of merged(layers)) members += 1;
  };
  await expect(read()).rejects.toMatchObject({ code });
  expect(members).toBe(0);
});

test("a link of a lower layer is followed inside the root, as engines do", async () => {
  const stack = [[folder("d"), { path: "l", link: "/d" } as HandMade], [file("l/x", "through")]];
  expect(await lines(...stack)).toEqual(["d d", "f d/x: through", "s l -> /d"]);
});

test("a layer that is not what its diff id says is refused before a member comes out", async () => {
  const good = layerOf(file("a"));
  const other = layerOf(file("b"));
  const mixed: Layer = { ...good, diffId: other.diffId };
  await expect(merged([good, mixed]).next()).rejects.toMatchObject({ code: "DIFF_ID_INVALID" });
});

test("a damaged layer, and one of another kind, are refused", async () => {
  const good = layerOf(file("a"));
  const cut: Layer = {
    ...good,
    compressed: async function* () {
      for await (const chunk of good.compressed()) yield chunk.subarray(0, chunk.length - 20);
    },
  };
  await expect(merged([cut]).next()).rejects.toMatchObject({ code: "LAYER_DAMAGED" });
  const strange: Layer = { ...good, descriptor: { ...good.descriptor, mediaType: "text/plain" } };
  await expect(merged([strange]).next()).rejects.toMatchObject({ code: "MEDIA_TYPE_UNKNOWN" });
});
