import { describe, expect, test } from "vitest";
import { type HandMade, layerOf } from "../../tests/support/layers.ts";
import { digestOf } from "../layer/digest.ts";
import type { WantedFiles } from "../layer/listing.ts";
import type { ImageTree } from "./image-tree.ts";
import { mergeListings } from "./merge-listings.ts";
import { readLayer } from "./read-layer.ts";

const all: WantedFiles = { id: "all", keep: () => ({ maxBytes: 100 }) };

async function merged(...layers: readonly HandMade[][]): Promise<ImageTree> {
  const listings = await Promise.all(layers.map((entries) => readLayer(layerOf(...entries), all)));
  return mergeListings(listings, "test image");
}

const pathsOf = (tree: ImageTree) => [...tree.entries()].map(({ path }) => path);
const file = (path: string, text = ""): HandMade => ({ path, file: text });
const directory = (path: string, mode = 0o755): HandMade => ({ path, directory: true, mode });
const link = (path: string, target: string): HandMade => ({ path, link: target });

describe("a stack of layers", () => {
  test("a whiteout takes away a path with all below it, and never what its own layer states", async () => {
    const base = [file("a/b/c"), file("a/d"), file("e")];
    expect(pathsOf(await merged(base, [file(".wh.a")]))).toEqual(["e"]);
    expect(pathsOf(await merged(base, [file("a/.wh.b"), file("a/b/new")]))).toEqual([
      ...["a", "a/b", "a/b/new", "a/d", "e"],
    ]);
    expect(pathsOf(await merged(base, [file("e"), file(".wh.e")]))).toContain("e");
  });

  test("an opaque directory keeps only what its layer states, wherever the marker stands", async () => {
    const base = [file("a/b/c"), file("a/d"), file("e")];
    const marker = file("a/.wh..wh..opq");
    expect(pathsOf(await merged(base, [marker, file("a/new")]))).toEqual(["a", "a/new", "e"]);
    expect(pathsOf(await merged(base, [file("a/new"), marker]))).toEqual(["a", "a/new", "e"]);
    expect(pathsOf(await merged(base, [file(".wh..wh..opq"), file("x")]))).toEqual(["x"]);
  });

  test("an opaque directory in place of a symlink leaves what the symlink led to", async () => {
    const base = [file("real/kept"), link("a", "real")];
    const tree = await merged(base, [directory("a"), file("a/.wh..wh..opq")]);
    expect(pathsOf(tree)).toEqual(["a", "real", "real/kept"]);
    expect(tree.entry("a")?.type).toBe("directory");
  });

  test("replaces types, and changes a directory's metadata without touching its contents", async () => {
    const tree = await merged(
      [directory("d"), file("d/x"), file("f"), directory("gone"), file("gone/x")],
      [directory("d", 0o700), directory("f"), link("gone", "d")],
    );
    expect(pathsOf(tree)).toEqual(["d", "d/x", "f", "gone"]);
    expect(tree.entry("d")).toMatchObject({ mode: 0o700 });
    expect(tree.lookup("gone/x")).toMatchObject({ path: "d/x" });
  });

  test("a path through a symlink below lands where it leads, never outside", async () => {
    const base = [directory("usr/lib"), link("lib", "usr/lib"), link("up", "../../.."), link("abs", "/usr")];
    const tree = await merged(base, [file("lib/x"), file("up/y"), file("abs/z"), file("lib/.wh.w")]);
    expect(pathsOf(tree)).toEqual(["abs", "lib", "up", "usr", "usr/lib", "usr/lib/x", "usr/z", "y"]);
    expect(tree.entry("lib")).toMatchObject({ type: "symlink" });
    expect(tree.entry("lib/x")).toMatchObject({ path: "usr/lib/x" });
  });

  test("a hard link takes the file of its own layer or of one below, and its content", async () => {
    const tree = await merged(
      [file("old", "1"), file("same", "0")],
      [file("zz", "2"), { path: "a", hardlink: "zz" }, { path: "b", hardlink: "old" }, file(".wh.same")],
    );
    expect(tree.entry("a")).toMatchObject({ type: "file", digest: digestOf("2") });
    expect(tree.entry("b")).toMatchObject({ type: "file", path: "b", digest: digestOf("1") });
    expect([tree.text("a"), tree.text("b")]).toEqual(["2", "1"]);
  });
});

describe("refused:", () => {
  test.for<readonly [string, string, HandMade[], HandMade[]]>([
    ["something below a file of a lower layer", "LAYER_PARENT", [file("a")], [file("a/b")]],
    ["links in a circle", "LAYER_PARENT", [link("a", "b"), link("b", "a")], [file("a/x")]],
    ["a hard link to nothing", "LAYER_LINK", [file("a")], [{ path: "b", hardlink: "c" }]],
    ["a hard link to a lower directory", "LAYER_LINK", [directory("a")], [{ path: "b", hardlink: "a" }]],
    [
      ...(["a directory in place of a link, after a file went through it", "LAYER_PARENT"] as const),
      [link("a", "b")],
      [file("a/x"), directory("a")],
    ],
    [
      ...(["two paths of a layer for one file", "LAYER_DUPLICATE"] as const),
      [link("lib", "usr/lib")],
      [file("lib/x", "1"), file("usr/lib/x", "2")],
    ],
    [
      ...(["a link over a directory that its layer fills", "LAYER_DUPLICATE"] as const),
      [link("zlib", "usr/lib"), directory("usr/lib/d")],
      [file("usr/lib/d/x"), link("zlib/d", "elsewhere")],
    ],
  ])("%s", async ([, code, base, top]) => {
    await expect(merged(base, top)).rejects.toMatchObject({
      code,
      message: expect.stringContaining("test image"),
    });
  });
});

describe("a tree", () => {
  const tree = () =>
    merged([
      directory("usr", 0o755),
      directory("usr/lib", 0o750),
      file("usr/lib/os", "text"),
      link("lib", "usr/lib"),
      link("etc/os", "../lib/os"),
      link("loop", "loop"),
      link("dangling", "nowhere"),
      link("dot", "."),
      file("implied/x"),
    ]);

  test("follows links inside the root, with or without a slash in front", async () => {
    const it = await tree();
    expect(it.lookup("/etc/os")).toMatchObject({ path: "usr/lib/os", type: "file" });
    expect(it.text("etc/os")).toBe("text");
    expect(it.entry("/etc/os")).toMatchObject({ path: "etc/os", type: "symlink" });
    expect(it.lookup("lib")).toMatchObject({ path: "usr/lib", type: "directory" });
    expect(it.lookup("../../dot/lib/../lib/os")).toMatchObject({ path: "usr/lib/os" });
    expect(it.lookup("loop")).toBeUndefined();
    expect(it.lookup("dangling")).toBeUndefined();
    expect(it.lookup("usr/lib/os/x")).toBeUndefined();
    expect(it.entry("dangling")).toMatchObject({ type: "symlink" });
  });

  test("gives the real parents with the metadata they have", async () => {
    const it = await tree();
    expect(it.parents("lib/os").map(({ path, mode }) => [path, mode])).toEqual([["usr/lib", 0o750]]);
    expect(it.parents("usr/lib/new/x").map(({ path }) => path)).toEqual(["usr", "usr/lib"]);
    expect(it.parents("implied/x")).toEqual([
      { type: "directory", path: "implied", mode: 0o755, uid: 0, gid: 0 },
    ]);
  });

  test("lists directories through links, sorted", async () => {
    const it = await tree();
    expect(it.list("lib")).toEqual(["os"]);
    expect(it.list("/")).toEqual(["dangling", "dot", "etc", "implied", "lib", "loop", "usr"]);
    expect(it.list("nowhere")).toEqual([]);
    expect(it.list("lib/os")).toEqual([]);
  });
});
