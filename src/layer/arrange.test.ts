import { describe, expect, test } from "vitest";
import { arrange, type TreeBelow } from "./arrange.ts";
import { composeLayer } from "./compose.ts";
import { digestOf } from "./digest.ts";
import { CONSTANT_MTIME } from "./entry.ts";
import { type SourceEntry, segmentFromFiles } from "./files.ts";
import { MemoryBlobs } from "./memory-blobs.ts";

const owner = { uid: 0, gid: 0 };
const file = (path: string): SourceEntry => ({
  ...{ type: "file", path, mode: 0o644, ...owner },
  content: Buffer.from(path),
});
const directory = (path: string, mode: number, uid = 0) =>
  ({ type: "directory", path, mode, uid, gid: uid }) as const;
const link = (path: string, target: string) =>
  ({ type: "symlink", path, mode: 0o777, ...owner, target }) as const;

/** As a base has it, merged-/usr and all. */
const below: TreeBelow = {
  entry: (path) =>
    [
      directory("opt", 0o775, 7),
      directory("tmp", 0o1777),
      directory("root", 0o700),
      directory("usr", 0o755),
      directory("usr/lib", 0o755),
      directory("usr/local", 0o755),
      link("lib", "usr/lib"),
      link("usr/bin/python3", "python3.13"),
      { ...directory("usr/bin", 0o755) },
      { type: "file", path: "usr/bin/python3.13", mode: 0o755, ...owner },
      { type: "file", path: "etc-file", mode: 0o644, ...owner },
      { type: "character", path: "device", mode: 0o666, ...owner },
    ].find((entry) => entry.path === path),
};

function arranged(...entries: SourceEntry[]) {
  const recipe = { ecosystem: "files", layoutVersion: 1, source: digestOf("x"), options: {} } as const;
  const segment = segmentFromFiles(
    { recipe, name: "pkg 1", key: "pkg", mtimeSec: CONSTANT_MTIME, entries },
    new MemoryBlobs(),
  );
  const [tier] = arrange([[segment]], below).tiers;
  return composeLayer(tier!.segments, tier!);
}

describe("on a tree below", () => {
  test("parents have its metadata", () => {
    const plan = arranged(file("opt/venv/x"), file("root/y"));
    expect(plan.directories).toMatchObject([
      { path: "opt", mode: 0o775, uid: 7 },
      { path: "opt/venv", mode: 0o755, uid: 0 },
      { path: "root", mode: 0o700 },
    ]);
  });

  test("a path through one of its links lands where that leads", () => {
    const plan = arranged(file("lib/x.so"), directory("lib", 0o755));
    expect(plan.entries.map(({ entry }) => entry.path)).toEqual(["usr/lib/x.so"]);
    expect(plan.directories.map(({ path }) => path)).toEqual(["usr", "usr/lib"]);
  });

  test("a directory that a package states does not change one of it", () => {
    const plan = arranged(directory("tmp", 0o755), file("tmp/x"));
    expect(plan.directories).toMatchObject([{ path: "tmp", mode: 0o1777 }]);
  });

  test("a file takes the place of a file or of a link to one", () => {
    const plan = arranged(file("etc-file"), file("usr/bin/python3"));
    expect(plan.entries.map(({ entry }) => entry.path)).toEqual(["etc-file", "usr/bin/python3"]);
  });

  test("its digest is that on a base without these directories, where they are plain", () => {
    const here = arranged(file("usr/local/x"));
    expect(here.directories).toEqual([directory("usr", 0o755), directory("usr/local", 0o755)]);
  });

  test.for([
    ["a file over a directory", file("opt")],
    ["a file over a link to a directory", file("lib")],
    ["another link over a link to a directory", link("lib", "elsewhere")],
    ["a directory over a file", directory("etc-file", 0o755)],
    ["something below a file", file("etc-file/x")],
    ["something below a device", file("device/x")],
  ] as const)("%s is refused", ([, entry]) => {
    expect(() => arranged(entry)).toThrowError(expect.objectContaining({ code: "LAYER_CONFLICT" }));
  });
});
