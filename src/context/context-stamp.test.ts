import { chmodSync, renameSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { treeOf } from "../../tests/support/tree.ts";
import { contextStamp, isRacy } from "./context-stamp.ts";
import { walkContext } from "./walk.ts";

const FILES = {
  "app.py": "print(1)",
  "requirements.txt": "six",
  "tools/run": "a tool",
  "tools/deep/file": "deep",
  toolsmith: "another",
};
/** Long after everything was written. */
const LATER_MS = Date.now() + 3_600_000;

async function stampOf(root: string, ...paths: string[]): Promise<string | undefined> {
  return contextStamp((await walkContext(root, { ignoreFiles: [] })).files, paths, LATER_MS);
}

test.for<[what: string, paths: string[], edit: (root: string) => void, changes: boolean]>([
  ["a file of its own", ["app.py"], (root) => writeFileSync(join(root, "app.py"), "print(2)"), true],
  ["another file", ["app.py"], (root) => writeFileSync(join(root, "requirements.txt"), "x"), false],
  ["a file below", ["tools"], (root) => writeFileSync(join(root, "tools/deep/file"), "x"), true],
  ["a file below, slashes", ["/tools/./"], (root) => writeFileSync(join(root, "tools/run"), "x"), true],
  ["a new file below", ["tools"], (root) => writeFileSync(join(root, "tools/new"), "x"), true],
  ["one that begins alike", ["tools"], (root) => writeFileSync(join(root, "toolsmith"), "x"), false],
  [
    "one that begins alike, wildcard",
    ["tools*"],
    (root) => writeFileSync(join(root, "toolsmith"), "x"),
    true,
  ],
  ["a new one for a wildcard", ["*.py"], (root) => writeFileSync(join(root, "b.py"), "x"), true],
  ["beside a wildcard", ["tools/d*"], (root) => writeFileSync(join(root, "app.py"), "x"), false],
  ["below a wildcard", ["tools/d*"], (root) => writeFileSync(join(root, "tools/deep/file"), "x"), true],
  ["the mode of what is below", ["tools"], (root) => chmodSync(join(root, "tools/deep"), 0o700), true],
  ["the mode of what is above", ["tools/run"], (root) => chmodSync(join(root, "tools"), 0o700), true],
  ["a new one beside", ["tools/run"], (root) => writeFileSync(join(root, "tools/new"), "x"), false],
  ["the root", ["."], (root) => writeFileSync(join(root, "app.py"), "x"), true],
  ["what may lead up again", ["tools/../app.py"], (root) => writeFileSync(join(root, "app.py"), "x"), true],
  ["the second of two", ["app.py", "tools"], (root) => writeFileSync(join(root, "tools/run"), "x"), true],
  ["a time of a directory", ["tools"], (root) => utimesSync(join(root, "tools"), 5, 5), false],
  ["a time of a file", ["tools"], (root) => utimesSync(join(root, "tools/run"), 5, 5), true],
  ["a name that came", ["absent"], (root) => writeFileSync(join(root, "absent"), "x"), true],
  ["a name that went", ["tools"], (root) => renameSync(join(root, "tools/run"), join(root, "gone")), true],
])("%s", async ([, paths, edit, changes]) => {
  using folder = treeOf(FILES);
  const before = await stampOf(folder.path, ...paths);
  expect(before).toBe(await stampOf(folder.path, ...paths));
  edit(folder.path);
  const after = await stampOf(folder.path, ...paths);
  if (changes) expect(after).not.toBe(before);
  else expect(after).toBe(before);
});

test.for([["link"], ["link/run"], ["l*"]])("%s leads elsewhere: all is looked at", async (paths) => {
  using folder = treeOf(FILES);
  symlinkSync("tools", join(folder.path, "link"));
  const before = await stampOf(folder.path, ...paths);
  writeFileSync(join(folder.path, "tools/run"), "changed");
  expect(await stampOf(folder.path, ...paths)).not.toBe(before);
});

test("links below what is named are copied as links", async () => {
  using folder = treeOf(FILES);
  symlinkSync("../app.py", join(folder.path, "tools/link"));
  const before = await stampOf(folder.path, "tools");
  writeFileSync(join(folder.path, "app.py"), "changed");
  expect(await stampOf(folder.path, "tools")).toBe(before);
});

test("a file that changed just now gives no stamp to who takes it", async () => {
  using folder = treeOf(FILES);
  const { files } = await walkContext(folder.path, { ignoreFiles: [] });
  const old = files.map((file) => (file.path === "app.py" ? file : { ...file, ctimeNs: 1_000_000_001n }));
  expect(contextStamp(old, ["app.py"], Date.now())).toBeUndefined();
  expect(contextStamp(old, ["tools"], Date.now())).toMatch(/^sha256:/);
});

test.for<[ctimeNs: bigint, agoMs: number, isIt: boolean]>([
  // A stamp with parts of a millisecond is of a clock that ticks every 10 ms or less.
  [1_700_000_000_123_456_789n, 99, true],
  [1_700_000_000_123_456_789n, 101, false],
  // One without may be of FAT, which knows every other second only.
  [1_700_000_000_000_000_000n, 1_999, true],
  [1_700_000_000_000_000_000n, 2_001, false],
  [1_700_000_000_123_000_000n, 1_999, true],
])("%i, %i ms ago: %s", ([ctimeNs, agoMs, isIt]) => {
  expect(isRacy({ ctimeNs }, Number(ctimeNs / 1_000_000n) + agoMs)).toBe(isIt);
});
