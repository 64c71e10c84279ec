import { expect, test } from "vitest";
import { arrange } from "../../layer/arrange.ts";
import { digestOf } from "../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import { type SourceEntry, segmentFromFiles } from "../../layer/files.ts";
import { MemoryBlobs } from "../../layer/memory-blobs.ts";
import type { Recipe, Segment } from "../../layer/segment.ts";
import { withoutStaleBytecode } from "./without-stale.ts";

const SITE = "opt/venv/lib/python3/site-packages";

function segmentOf(
  ecosystem: Recipe["ecosystem"],
  key: string,
  files: Readonly<Record<string, string>>,
  more: readonly SourceEntry[] = [],
  options: Recipe["options"] = {},
): Segment {
  const entries = Object.entries(files).map(([path, text]): SourceEntry => {
    return { type: "file", path, mode: 0o644, uid: 0, gid: 0, content: Buffer.from(text) };
  });
  const source = digestOf(key);
  const recipe: Recipe = { ecosystem, layoutVersion: 1, source, options };
  const name = ecosystem === "bytecode" ? `bytecode of ${key}` : key;
  const input = { recipe, name, key, mtimeSec: CONSTANT_MTIME, entries: [...entries, ...more] };
  return segmentFromFiles(input, new MemoryBlobs());
}

const wheel = (key: string, files: Readonly<Record<string, string>>) =>
  segmentOf(
    "python",
    key,
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`${SITE}/${name}.py`, text])),
  );
const bytecode = (key: string, ...names: readonly string[]) =>
  segmentOf(
    "bytecode",
    key,
    Object.fromEntries(
      names.map((name) => [`${SITE}/__pycache__/${name}.cpython-311.pyc`, `${key} ${name}`]),
    ),
  );

/** Names of modules whose bytecode of a package stays out. */
function left(key: string, ...tiers: readonly (readonly Segment[])[]): string[] {
  const arranged = withoutStaleBytecode(arrange(tiers)).tiers.flatMap(({ segments }) => segments);
  const own = arranged.find(({ segment }) => segment.key === key && segment.recipe.ecosystem === "bytecode");
  return [...(own?.omitted ?? [])].map((path) => /([^/]*)\.cpython-311\.pyc$/.exec(path)?.[1] ?? path).sort();
}

const link: SourceEntry = {
  type: "symlink",
  path: "opt/venv/lib/python3.11",
  mode: 0o777,
  uid: 0,
  gid: 0,
  target: "python3",
};

test("bytecode stays while its source does", () => {
  const wheels = [wheel("a", { one: "1", same: "s" }), wheel("b", { two: "2", same: "s" })];
  const compiled = [bytecode("a", "one", "same"), bytecode("b", "two")];
  expect(left("a", wheels, compiled)).toEqual([]);
  expect(left("b", wheels, compiled)).toEqual([]);
});

test("of the source that another package replaces it goes, also when that one's does not compile", () => {
  const wheels = [wheel("a", { one: "1", shared: "a" }), wheel("b", { shared: "b" })];
  expect(left("a", wheels, [bytecode("a", "one", "shared"), bytecode("b", "shared")])).toEqual(["shared"]);
  expect(left("a", wheels, [bytecode("a", "one", "shared"), bytecode("b")])).toEqual(["shared"]);
  expect(left("b", wheels, [bytecode("a", "one", "shared"), bytecode("b", "shared")])).toEqual([]);
});

test("of what differs the sources are told, not what was compiled of them", () => {
  const tiers = [
    [wheel("a", { shared: "a" }), wheel("b", { shared: "b" })],
    [bytecode("a", "shared"), bytecode("b", "shared")],
  ];
  expect(arrange(tiers).conflicts).toHaveLength(2);
  expect(withoutStaleBytecode(arrange(tiers)).conflicts).toEqual([
    { path: `${SITE}/shared.py`, winner: "b", loser: "a" },
  ]);
});

test("so it does where the user's files stand in its place, by whatever name of the folder", () => {
  const venv = segmentOf("generated", "venv", {}, [link]);
  const tiers = [[venv], [wheel("a", { one: "1", two: "2" })], [bytecode("a", "one", "two")]];
  const site = "opt/venv/lib/python3.11/site-packages";
  expect(left("a", ...tiers, [segmentOf("files", "0000", { [`${site}/two.py`]: "mine" })])).toEqual(["two"]);
  expect(left("a", ...tiers, [segmentOf("files", "0000", { [`${site}/two.py`]: "2" })])).toEqual([]);
  expect(left("a", ...tiers, [segmentOf("files", "0000", { "app/two.py": "mine" })])).toEqual([]);
});

test("that of the standard library stays on what Debian or the base has, and goes with what anything else replaces", () => {
  const library = "usr/lib/python3.11";
  const debs = segmentOf("debian", "libpython3.11-stdlib", { [`${library}/os.py`]: "os" });
  const files = Object.fromEntries(
    ["os", "abc"].map((name) => [`${library}/__pycache__/${name}.cpython-311.pyc`, name]),
  );
  const compiled = segmentOf("bytecode", "python3.11", files, [], { scheme: "library" });
  const mine = (path: string) => [segmentOf("files", "0000", { [path]: "mine" })];
  expect(left("python3.11", [debs], [compiled])).toEqual([]);
  expect(left("python3.11", [debs], [compiled], mine(`${library}/os.py`))).toEqual(["os"]);
  expect(left("python3.11", [debs], [compiled], mine(`${library}/abc.py`))).toEqual(["abc"]);
  expect(left("python3.11", [debs], [compiled], mine("app/os.py"))).toEqual([]);
  expect(left("python3.11", [debs], [compiled], [wheel("os", { os: "" })])).toEqual([]);
});
