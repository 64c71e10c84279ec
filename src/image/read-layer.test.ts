import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { handMadeTar, layerFromTar, layerOf } from "../../tests/support/layers.ts";
import { block, gnuLong, padded, pax, tarOf } from "../../tests/support/tar-blocks.ts";
import { type DiffId, digestOf } from "../layer/digest.ts";
import type { Layer } from "../layer/layer.ts";
import type { WantedFiles } from "../layer/listing.ts";
import { readLayer } from "./read-layer.ts";

const nothing: WantedFiles = { id: "nothing", keep: () => undefined };
const sample = handMadeTar([
  { path: "etc", directory: true, mode: 0o700, owner: 7 },
  { path: "etc/passwd", file: "root:x:0:0::/:/bin/sh\n" },
  { path: "bin", link: "usr/bin" },
  { path: "etc/again", hardlink: "etc/passwd" },
]);

function layerWith(bytes: Buffer, tar: Buffer, mediaType: string): Layer {
  const diffId = `sha256:${createHash("sha256").update(tar).digest("hex")}` as string as DiffId;
  async function* compressed() {
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
  }
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, diffId, compressed };
}

/** One file of these fields and content. */
function file(name: string, content = "", fields: Parameters<typeof block>[0] = {}): Buffer {
  return Buffer.concat([block({ name, size: content.length, ...fields }), padded(content)]);
}
const directory = (name: string) => block({ name: `${name}/`, type: "5" });
const symlink = (name: string, link: string) => block({ name, type: "2", link });
const hardlink = (name: string, link: string) => block({ name, type: "1", link });
const listed = (...members: Buffer[]) => readLayer(layerFromTar(tarOf(...members)), nothing);
const pathsOf = async (...members: Buffer[]) => (await listed(...members)).entries.map(({ path }) => path);

describe("a layer", () => {
  const half = 2048;
  const members = Buffer.concat([gzipSync(sample.subarray(0, half)), gzipSync(sample.subarray(half))]);
  test.for([
    ["application/vnd.oci.image.layer.v1.tar", sample],
    ["application/vnd.oci.image.layer.v1.tar+gzip", gzipSync(sample)],
    ["application/vnd.docker.image.rootfs.diff.tar.gzip", members],
    ["application/vnd.oci.image.layer.v1.tar+zstd", zstdCompressSync(sample)],
    ["application/vnd.docker.image.rootfs.diff.tar.zstd", zstdCompressSync(sample)],
  ] as const)("as %s comes to the same listing", async ([mediaType, bytes]) => {
    const layer = layerWith(bytes, sample, mediaType);
    const owner = { uid: 0, gid: 0 };
    expect(await readLayer(layer, nothing)).toEqual({
      diffId: layer.diffId,
      entries: [
        { type: "symlink", path: "bin", mode: 0o777, ...owner, target: "usr/bin" },
        { type: "directory", path: "etc", mode: 0o700, uid: 7, gid: 7 },
        { type: "hardlink", path: "etc/again", mode: 0o644, ...owner, target: "etc/passwd" },
        {
          ...{ type: "file", path: "etc/passwd", mode: 0o644, ...owner, size: 22 },
          digest: digestOf("root:x:0:0::/:/bin/sh\n"),
        },
      ],
      whiteouts: [],
      opaques: [],
      late: [],
      contents: new Map(),
      wanted: "nothing",
    });
  });

  test("keeps devices, pipes, xattrs, long names, whiteouts and opaque directories", async () => {
    const long = `${"d".repeat(120)}/${"n".repeat(200)}`;
    const listing = await listed(
      block({ name: "null", type: "3", device: [1, 3] }),
      block({ name: "disk", type: "4", device: [8, 0] }),
      block({ name: "pipe", type: "6" }),
      pax("x", "SCHILY.xattr.security.capability=\x01\xff"),
      file("ping"),
      gnuLong("L", long),
      file("x"),
      file(".wh.gone"),
      file("a/.wh.b"),
      file("c/.wh..wh..opq"),
      file(".wh..wh..opq"),
    );
    expect(listing.whiteouts).toEqual(["a/b", "gone"]);
    expect(listing.opaques).toEqual(["", "c"]);
    expect(listing.late).toEqual([]);
    expect(listing.entries).toMatchObject([
      { path: long, type: "file" },
      { path: "disk", type: "block", device: { major: 8, minor: 0 } },
      { path: "null", type: "character", device: { major: 1, minor: 3 } },
      { path: "ping", xattrs: { "security.capability": "\x01\xff" } },
      { path: "pipe", type: "fifo" },
    ]);
  });

  test("gives what was wanted of small files, the last member of a path counting", async () => {
    const wanted: WantedFiles = {
      id: "w",
      keep: (path) => {
        if (path === "big") return { maxBytes: 3 };
        if (path === "cut") return { maxBytes: 9, reduce: (bytes) => bytes.subarray(0, 2) };
        return path === "keep" || path === "twice" ? { maxBytes: 9 } : undefined;
      },
    };
    const members = [file("keep", "kept"), file("big", "1234"), file("cut", "123"), file("other", "x")];
    const tar = tarOf(...members, file("twice", "one"), file("twice", "two"));
    const { contents } = await readLayer(layerFromTar(tar), wanted);
    const texts = Object.fromEntries(
      [...contents].map(([path, bytes]) => [path, Buffer.from(bytes).toString()]),
    );
    expect(texts).toEqual({ keep: "kept", cut: "12", twice: "two" });
  });

  test("in which a file is replaced by a link lists the link, and keeps no content", async () => {
    const wanted: WantedFiles = { id: "w", keep: () => ({ maxBytes: 9 }) };
    const listing = await readLayer(layerFromTar(tarOf(file("a", "x"), symlink("a", "b"))), wanted);
    expect(listing.entries).toMatchObject([{ path: "a", type: "symlink", target: "b" }]);
    expect(listing.contents.size).toBe(0);
  });

  test("whose paths lead through its own symlinks lists them where they land, inside the root", async () => {
    expect(await pathsOf(symlink("lib", "usr/lib"), file("lib/x"))).toEqual(["lib", "usr/lib/x"]);
    expect(await pathsOf(symlink("a", "/../../b"), file("a/x"))).toEqual(["a", "b/x"]);
    expect(await pathsOf(directory("d"), symlink("d/up", "../../.."), file("d/up/x"))).toEqual([
      "d",
      "d/up",
      "x",
    ]);
    const listing = await listed(symlink("a", "b"), file("a/.wh.x"), file("a/.wh..wh..opq"));
    expect([listing.whiteouts, listing.opaques]).toEqual([["b/x"], ["b"]]);
  });

  test("names the directories that come after something in them", async () => {
    const listing = await listed(
      file("a/b/c"),
      file("d/.wh.x"),
      directory("a"),
      directory("d"),
      directory("e"),
      file("e/f"),
    );
    expect(listing.late).toEqual(["a", "d"]);
  });

  test("whose hard links form a chain names the file itself in each", async () => {
    const { entries } = await listed(file("z", "1"), hardlink("y", "z"), hardlink("a", "y"));
    expect(entries.map((entry) => "target" in entry && entry.target)).toEqual(["z", "z", false]);
  });
});

describe("refused with its own code:", () => {
  const cases: readonly (readonly [what: string, code: string, ...members: Buffer[]])[] = [
    ["an absolute path", "ARCHIVE_TRAVERSAL", file("/etc/passwd")],
    ["a path with ..", "ARCHIVE_TRAVERSAL", file("a/../../b")],
    ["a hard link out of the root", "ARCHIVE_TRAVERSAL", hardlink("a", "../etc/shadow")],
    ["a PAX path that leaves", "ARCHIVE_TRAVERSAL", pax("x", "path=../up"), file("a")],
    ["a GNU long name that leaves", "ARCHIVE_TRAVERSAL", gnuLong("L", "../up"), file("a")],
    ["a whiteout of its own directory", "LAYER_WHITEOUT", file("a/.wh.")],
    ["a whiteout of the root", "LAYER_WHITEOUT", file(".wh.")],
    ["a whiteout of .", "LAYER_WHITEOUT", file("a/.wh..")],
    ["a whiteout of ..", "LAYER_WHITEOUT", file("a/.wh...")],
    ["an AUFS name", "LAYER_WHITEOUT", file(".wh..wh.plnk")],
    ["a misspelt opaque marker", "LAYER_WHITEOUT", file("a/.wh..wh.opq")],
    ["a whiteout that is a directory", "LAYER_WHITEOUT", directory("a/.wh.b")],
    ["a whiteout that is a link", "LAYER_WHITEOUT", symlink("a/.wh.b", "/")],
    ["something below a whiteout", "LAYER_WHITEOUT", file("a/.wh.b/c")],
    ["a device that deletes on overlayfs", "LAYER_OVERLAY", block({ name: "a", type: "3", device: [0, 0] })],
    [
      "xattrs of overlayfs",
      "LAYER_OVERLAY",
      pax("x", "SCHILY.xattr.trusted.overlay.opaque=y"),
      directory("a"),
    ],
    ["a file that becomes a directory", "LAYER_DUPLICATE", file("a"), directory("a")],
    ["a directory that becomes a link", "LAYER_DUPLICATE", directory("a"), symlink("a", "b")],
    ["a file below a file", "LAYER_PARENT", file("a"), file("a/b")],
    ["a link where something is below", "LAYER_PARENT", file("a/b"), symlink("a", "c")],
    ["a whiteout below a file", "LAYER_PARENT", file("a"), file("a/.wh.b")],
    [
      ...(["a hard link whose target's folder becomes a link", "LAYER_PARENT"] as const),
      ...[hardlink("a", "l/x"), symlink("l", "b")],
    ],
    ["an opaque file", "LAYER_PARENT", file("a"), file("a/.wh..wh..opq")],
    ["links in a circle", "LAYER_PARENT", symlink("a", "b"), symlink("b", "a"), file("a/x")],
    ["a hard link to a directory", "LAYER_LINK", directory("a"), hardlink("b", "a")],
    ["a hard link to itself", "LAYER_LINK", hardlink("b", "b")],
    ["a link's target that comes later", "LAYER_LINK", hardlink("b", "a"), file("a")],
    ["a link's target that changes", "LAYER_LINK", file("a", "1"), hardlink("b", "a"), file("a", "2")],
    ["a long part of a name", "ARCHIVE_LIMIT", pax("x", `path=${"n".repeat(256)}`), file("a")],
    ["very deep directories", "ARCHIVE_LIMIT", pax("x", `path=${"d/".repeat(300)}x`), file("a")],
    ["a name beyond PATH_MAX", "ARCHIVE_LIMIT", pax("x", `path=${"d/".repeat(2100)}x`), file("a")],
  ];
  test.for(cases)("%s", async ([, code, ...members]) => {
    await expect(listed(...members)).rejects.toMatchObject({ code });
  });

  test("another diff id than the config's", async () => {
    const layer = layerOf({ path: "a", file: "1" });
    const other = { ...layer, diffId: layerOf().diffId };
    await expect(readLayer(other, nothing)).rejects.toMatchObject({
      code: "DIFF_ID_INVALID",
      message: expect.stringContaining(layer.diffId),
    });
  });

  test("a media type that is no layer's", async () => {
    const layer = layerWith(sample, sample, "application/vnd.example");
    await expect(readLayer(layer, nothing)).rejects.toMatchObject({ code: "MEDIA_TYPE_UNKNOWN" });
  });

  test("a truncated, a damaged and a continued stream", async () => {
    const type = "application/vnd.oci.image.layer.v1.tar+gzip";
    const bytes = gzipSync(sample);
    const cut = readLayer(layerWith(bytes.subarray(0, -20), sample, type), nothing);
    await expect(cut).rejects.toMatchObject({
      code: expect.stringMatching(/LAYER_DAMAGED|ARCHIVE_TRUNCATED/),
    });
    const more = readLayer(layerWith(Buffer.concat([bytes, Buffer.from("more")]), sample, type), nothing);
    await expect(more).rejects.toMatchObject({ code: "LAYER_DAMAGED" });
  });

  test.for(["gzip", "zstd"] as const)("a %s bomb, before it is unpacked", async (compression) => {
    const tar = Buffer.concat([block({ name: "zero", size: 64 * 2 ** 20 }), Buffer.alloc(64 * 2 ** 20)]);
    const bytes = compression === "gzip" ? gzipSync(tar) : zstdCompressSync(tar);
    const layer = layerWith(bytes, tar, `application/vnd.oci.image.layer.v1.tar+${compression}`);
    const read = readLayer(layer, nothing, { freeBytes: 2 ** 20 });
    await expect(read).rejects.toMatchObject({ code: "LAYER_BOMB" });
  });
});
