import { expect, test } from "vitest";
import type { TarEntry } from "../../layer/read-tar.ts";
import type { TarMember } from "../../layer/write-tar.ts";
import { type TreeForm, treeMembers } from "./tree-members.ts";

const form: TreeForm = {
  opaqueAttribute: "trusted.overlay.opaque",
  hasDevices: true,
  impliedDirectory: () => ({ mode: 0o755, uid: 0, gid: 0, mtimeSec: 0 }),
};
const entry = (type: TarEntry["type"], path: string, more: Partial<TarEntry> = {}): TarEntry => ({
  ...{ mode: 0o644, uid: 0, gid: 0, mtimeSec: 5, size: 0, offset: 0, content: noContent },
  ...{ type, path },
  ...more,
});

async function treeOf(entries: readonly TarEntry[], given: Partial<TreeForm> = {}): Promise<TarMember[]> {
  const source = async function* () {
    yield* entries;
  };
  const members: TarMember[] = [];
  for await (const member of treeMembers(source(), "test", { ...form, ...given })) members.push(member);
  return members;
}

const shown = (members: readonly TarMember[]) =>
  members.map(({ entry: it }) => `${it.type} ${it.path}${it.xattrs === undefined ? "" : " opaque"}`);

test("whiteouts become devices, opaque markers an attribute of their directory", async () => {
  const members = await treeOf([
    entry("file", ".wh.gone"),
    entry("directory", "d", { mode: 0o750, mtimeSec: 9 }),
    entry("file", "d/.wh..wh..opq"),
    entry("file", "d/x"),
  ]);
  expect(shown(members)).toEqual(["directory d", "file d/x", "character gone", "directory d opaque"]);
  expect(members.at(-1)).toMatchObject({ mtimeSec: 9, entry: { mode: 0o750 } });
  expect(members[2]).toMatchObject({ entry: { device: { major: 0, minor: 0 }, mode: 0 } });
});

test("a whiteout of what the layer states too speaks of lower layers alone", async () => {
  const members = await treeOf([
    ...[
      entry("file", ".wh.file"),
      entry("file", "file"),
      entry("directory", "dir"),
      entry("file", ".wh.dir"),
    ],
    ...[entry("file", ".wh.implied"), entry("file", "implied/x")],
  ]);
  expect(shown(members)).toEqual([
    "file file",
    "directory dir",
    "file implied/x",
    "directory implied opaque",
    "directory dir opaque",
  ]);
});

test("directories that nothing states are what the layers below say", async () => {
  const asked: string[] = [];
  const impliedDirectory = (path: string) => {
    asked.push(path);
    return { mode: 0o1777, uid: 1, gid: 2, mtimeSec: 3 };
  };
  const members = await treeOf([entry("file", "a/b/c"), entry("file", "d/.wh.e"), entry("directory", "f")], {
    impliedDirectory,
  });
  expect(asked).toEqual(["a", "a/b", "d"]);
  expect(members.find(({ entry: { path } }) => path === "a/b")).toEqual({
    entry: { type: "directory", path: "a/b", mode: 0o1777, uid: 1, gid: 2 },
    mtimeSec: 3,
  });
});

test("a member below a link of its layer is stated where that leads", async () => {
  const members = await treeOf([
    ...[entry("directory", "usr/lib"), entry("symlink", "lib", { target: "usr/lib" })],
    ...[entry("file", "lib/x"), entry("hardlink", "lib/y", { target: "lib/x" })],
  ]);
  expect(shown(members)).toEqual([
    "directory usr/lib",
    "symlink lib",
    "file usr/lib/x",
    "hardlink usr/lib/y",
    "directory usr",
  ]);
  expect(members[3]).toMatchObject({ entry: { target: "usr/lib/x" } });
});

test("a user namespace has no devices, but deletions", async () => {
  const entries = [
    entry("block", "b", { device: { major: 1, minor: 2 } }),
    entry("file", ".wh.x"),
    entry("fifo", "p"),
  ];
  expect(shown(await treeOf(entries, { hasDevices: false }))).toEqual(["fifo p", "character x"]);
});

test("for fuse-overlayfs whiteouts stay files", async () => {
  const { opaqueAttribute: _, ...fuse } = form;
  const source = async function* () {
    yield* [entry("directory", "d"), entry("file", "d/.wh..wh..opq"), entry("file", ".wh.x")];
  };
  const members: TarMember[] = [];
  for await (const member of treeMembers(source(), "test", fuse)) members.push(member);
  expect(shown(members)).toContain("file d/.wh..wh..opq");
  expect(shown(members)).toContain("file .wh.x");
  expect(shown(members).filter((line) => line.includes("character") || line.endsWith(" opaque"))).toEqual([]);
});

async function* noContent(): AsyncGenerator<Uint8Array> {
  yield* [];
}
