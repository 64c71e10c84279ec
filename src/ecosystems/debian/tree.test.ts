import { expect, test } from "vitest";
import { segmentOf } from "../../../tests/support/debian-segment.ts";
import { openTree } from "./tree.ts";

const { segment, readFile } = segmentOf([
  { type: "file", path: "usr/bin/dash", content: "dash" },
  { type: "symlink", path: "usr/bin/sh", target: "dash" },
  { type: "hardlink", path: "usr/bin/zsh", target: "usr/bin/dash" },
  { type: "symlink", path: "etc/up", target: "../../../usr/bin/sh" },
  { type: "symlink", path: "etc/absolute", target: "/bin/sh" },
  { type: "symlink", path: "etc/dangling", target: "nothing" },
  { type: "symlink", path: "etc/circle", target: "circle" },
]);
const tree = openTree([segment], new Map([["bin", "usr/bin"]]), readFile);

test.for([
  ["bin/sh", "usr/bin/dash"],
  ["etc/up", "usr/bin/dash"],
  ["etc/absolute", "usr/bin/dash"],
  ["usr", "usr"],
  ["usr/./bin/../bin", "usr/bin"],
  ["etc/dangling", undefined],
  ["etc/circle", undefined],
  ["usr/bin/dash/x", undefined],
])("%s leads to %s", ([path, want]) => {
  expect(tree.resolve(path ?? "")).toBe(want);
});

test("reads through links of both kinds, and nothing else", () => {
  expect(Buffer.from(tree.read("etc/absolute") ?? []).toString()).toBe("dash");
  expect(Buffer.from(tree.read("usr/bin/zsh") ?? []).toString()).toBe("dash");
  expect(tree.read("usr/bin")).toBeUndefined();
  expect(tree.read("etc/dangling")).toBeUndefined();
});

test("lists what is below a directory and not its namesakes", () => {
  expect(tree.below("usr/bin")).toEqual(["usr/bin/dash", "usr/bin/sh", "usr/bin/zsh"]);
  expect(tree.below("us")).toEqual([]);
});
