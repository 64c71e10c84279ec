import { expect, test } from "vitest";
import type { FoundPath } from "../../store/found-paths.ts";
import { touchedFiles } from "./touched-files.ts";

const file: FoundPath = {
  ...{ path: "a", type: "f", size: 10_000, mtime: "1000.500000000", ctime: "1000.500000000", inode: "7" },
  ...{ mode: 0o644, uid: 0, gid: 0, links: 1, target: "" },
};
const later: Partial<FoundPath> = { mtime: "2000.000000000", ctime: "2000.000000000" };

test.for<[string, Partial<FoundPath>, boolean]>([
  ["a later time", {}, true],
  ["the same time", { mtime: file.mtime }, false],
  ["an earlier time", { mtime: "1.000000000" }, false],
  ["a time a day later", { mtime: "87500.000000000" }, false],
  ["no change at all", { mtime: file.mtime, ctime: file.ctime }, false],
  ["another size", { size: 10_001 }, false],
  ["another inode", { inode: "8" }, false],
  ["another mode", { mode: 0o600 }, false],
  ["another owner", { uid: 1 }, false],
  ["another type", { type: "l" }, false],
  ["a second name", { links: 2 }, false],
  ["another path", { path: "b" }, false],
])("a file with %s was touched only: %#", ([, other, isTouched]) => {
  expect(touchedFiles([file], [{ ...file, ...later, ...other }])).toHaveLength(isTouched ? 1 : 0);
});

test("a small file is never touched only: its time may be all that it is for", () => {
  const small = { ...file, size: 100 };
  expect(touchedFiles([small], [{ ...small, ...later }])).toEqual([]);
});
