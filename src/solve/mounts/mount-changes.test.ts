import { describe, expect, test } from "vitest";
import type { FoundPath } from "../../store/found-paths.ts";
import { mountChanges } from "./mount-changes.ts";

const at = (path: string, other: Partial<FoundPath> = {}): FoundPath => ({
  ...{ path, type: "f", size: 10, mtime: "1.000000000", ctime: "1.000000000", inode: path, mode: 0o644 },
  ...{ uid: 0, gid: 0, links: 1, target: "" },
  ...other,
});
const directory = (path: string, other: Partial<FoundPath> = {}) =>
  at(path, { type: "d", mode: 0o755, size: 4096, links: 2, ...other });
const root = directory("");

const changes = (before: readonly FoundPath[], now: readonly FoundPath[]) => {
  const { stated, gone } = mountChanges([root, ...before], [root, ...now]);
  return { stated: stated.map(({ path }) => path), gone };
};

describe("what changed", () => {
  test("is nothing for the same list in another order, whatever size a directory takes on disk", () => {
    const before = [directory("d"), at("d/a"), at("b")];
    const now = [at("b"), at("d/a"), directory("d", { size: 8192 })];
    expect(changes(before, now)).toEqual({ stated: [], gone: [] });
  });

  test.for<[string, Partial<FoundPath>]>([
    ["content, with size and time set back", { ctime: "2.000000000" }],
    ["time", { mtime: "1.000000001", ctime: "2.000000000" }],
    ["size", { size: 11 }],
    ["file at its place", { inode: "other" }],
    ["mode", { mode: 0o600 }],
    ["owner", { uid: 1 }],
    ["group", { gid: 1 }],
    ["type", { type: "l", target: "x" }],
  ])("is a file with another %s, and the directories around it", ([, other]) => {
    const before = [directory("d"), directory("d/e"), at("d/e/a"), at("d/b")];
    const now = [directory("d"), directory("d/e"), at("d/e/a", other), at("d/b")];
    expect(changes(before, now)).toEqual({ stated: ["d", "d/e", "d/e/a"], gone: [] });
  });

  test("is what is gone by its uppermost path, and nothing below what became a file", () => {
    const before = [directory("d"), directory("d/e"), at("d/e/a"), directory("x"), at("x/y"), at("z")];
    expect(changes(before, [at("x"), directory("d")])).toEqual({ stated: ["x"], gone: ["d/e", "z"] });
  });

  test("is all names of a file as soon as one came, went or became another", () => {
    const pair = (...names: string[]) => names.map((name) => at(name, { inode: "7", links: names.length }));
    expect(changes(pair("a", "b"), pair("a", "b", "c")).stated).toEqual(["a", "b", "c"]);
    expect(changes(pair("a", "b", "c"), pair("a", "b"))).toEqual({ stated: ["a", "b"], gone: ["c"] });
    // `b` may be a hard link to `a` in a lower layer, and must not become one to the new `a`.
    const single = at("b", { inode: "7", links: 1, ctime: "2.000000000" });
    expect(changes(pair("a", "b"), [at("a", { inode: "8" }), single]).stated).toEqual(["a", "b"]);
  });

  test("leaves out sockets, devices and names of whiteouts, and deletes what became one", () => {
    const now = [
      at("s", { type: "s" }),
      at("c", { type: "c" }),
      at(".wh.a"),
      directory(".wh.d"),
      at(".wh.d/x"),
      at("kept.wh.x"),
    ];
    expect(mountChanges([root], [root, ...now])).toMatchObject({ leftOut: 5 });
    expect(changes([at("s")], now)).toEqual({ stated: ["kept.wh.x"], gone: ["s"] });
  });

  test("counts bytes of files once, however many names they have", () => {
    const two = [at("a", { inode: "7", links: 2, size: 1e6 }), at("b", { inode: "7", links: 2, size: 1e6 })];
    const { liveBytes, statedBytes } = mountChanges([root], [root, ...two]);
    expect(liveBytes).toBeGreaterThan(1e6);
    expect(liveBytes).toBeLessThan(1.1e6);
    expect(statedBytes).toBeLessThanOrEqual(liveBytes);
  });
});
