import { expect, test } from "vitest";
import type { TarEntry } from "../../layer/read-tar.ts";
import { type UpperForm, upperMembers } from "./upper-members.ts";

const nothingBelow: UpperForm = {
  isUnchanged: () => false,
  isDirectoryBelow: () => false,
  hasWhiteoutFiles: false,
};
const plain = { mode: 0o644, uid: 0, gid: 0, mtimeSec: 5, size: 0, offset: 0, content: noContent };
const entry = (type: TarEntry["type"], path: string, more: Partial<TarEntry> = {}): TarEntry => ({
  ...plain,
  ...{ type, path },
  ...more,
});
const deletion = (path: string) => entry("character", path, { device: { major: 0, minor: 0 } });
const opaque = { xattrs: { "trusted.overlay.opaque": "y", "trusted.overlay.origin": "\0\xfb" } };

async function membersOf(entries: readonly TarEntry[], form: Partial<UpperForm> = {}): Promise<TarEntry[]> {
  const source = async function* () {
    yield* entries;
  };
  const members: TarEntry[] = [];
  for await (const member of upperMembers(source(), "test", { ...nothingBelow, ...form }))
    members.push(member);
  return members;
}

async function pathsOf(entries: readonly TarEntry[], form: Partial<UpperForm> = {}): Promise<string[]> {
  return (await membersOf(entries, form)).map(({ path }) => path);
}

test("a deletion is an empty file beside what it deletes, also when it is a link to another deletion", async () => {
  const members = await membersOf([
    deletion("a"),
    entry("directory", "d"),
    entry("hardlink", "d/b", { target: "a" }),
  ]);
  expect(members.map(({ type, path, size, mode }) => [type, path, size, mode])).toEqual([
    ["file", ".wh.a", 0, 0],
    ["directory", "d", 0, 0o644],
    ["file", "d/.wh.b", 0, 0],
  ]);
});

test("a device that only looks like a deletion stays", async () => {
  const members = await membersOf([entry("character", "null", { device: { major: 1, minor: 3 } })]);
  expect(members[0]).toMatchObject({ type: "character", path: "null" });
});

test("a directory that is as below stands only for what is in it", async () => {
  const entries = [
    entry("directory", "a"),
    entry("directory", "a/b"),
    entry("directory", "a/b/empty"),
    entry("file", "a/b/file"),
    entry("directory", "a/c"),
    entry("directory", "ab"),
    entry("directory", "z"),
  ];
  expect(await pathsOf(entries, { isUnchanged: () => true })).toEqual(["a", "a/b", "a/b/file"]);
  expect(await pathsOf(entries, { isUnchanged: ({ path }) => path !== "a/c" })).toEqual([
    "a",
    "a/b",
    "a/b/file",
    "a/c",
  ]);
});

test("an opaque directory has a marker only where it hides something", async () => {
  const entries = [entry("directory", "d", opaque), entry("file", "d/x")];
  expect(await pathsOf(entries, { isDirectoryBelow: () => true })).toEqual(["d", "d/.wh..wh..opq", "d/x"]);
  expect(await pathsOf(entries, { isDirectoryBelow: () => false })).toEqual(["d", "d/x"]);
  const unchanged = { isDirectoryBelow: () => true, isUnchanged: () => true };
  expect(await pathsOf([entries[0]!], unchanged)).toEqual(["d", "d/.wh..wh..opq"]);
});

test("notes of the overlay and labels of the host go, other attributes stay", async () => {
  const xattrs = { ...opaque.xattrs, "user.overlay.impure": "y", "security.selinux": "x", "user.mine": "1" };
  const [file, other] = await membersOf([entry("file", "a", { xattrs }), entry("file", "b", opaque)]);
  expect(file?.xattrs).toEqual({ "user.mine": "1" });
  expect(other).not.toHaveProperty("xattrs");
});

test("names of accounts are the host's, and go", async () => {
  const [file] = await membersOf([entry("file", "a", { uname: "me", gname: "us" })]);
  expect(file).not.toHaveProperty("uname");
  expect(file).not.toHaveProperty("gname");
});

test("times after the latest become it, earlier ones stay to the nanosecond", async () => {
  const late = entry("file", "late", { mtimeSec: 100.5, mtimeText: "100.500000001" });
  const early = entry("file", "old", { mtimeSec: 1.5, mtimeText: "1.500000001" });
  const members = await membersOf([late, early], { latestSec: 100 });
  expect(members[0]).toMatchObject({ mtimeSec: 100 });
  expect(members[0]).not.toHaveProperty("mtimeText");
  expect(members[1]).toMatchObject({ mtimeText: "1.500000001" });
});

test("a name that would delete is refused, unless fuse-overlayfs means it so", async () => {
  const entries = [
    entry("file", "d/.wh.x"),
    entry("file", "d/.wh..wh..opq"),
    deletion("d/.wh..opq"),
    deletion("y"),
  ];
  await expect(pathsOf(entries)).rejects.toMatchObject({ code: "LAYER_WHITEOUT" });
  expect(await pathsOf(entries, { hasWhiteoutFiles: true })).toEqual(["d/.wh.x", ".wh.y"]);
});

async function* noContent(): AsyncGenerator<Uint8Array> {
  yield* [];
}
