import { expect, test } from "vitest";
import type { PythonTarget } from "../target.ts";
import { compatibleTags, platformTags, rankWheel } from "./tags.ts";
import { parseWheelFilename } from "./wheel-filename.ts";

const bookworm: PythonTarget = {
  version: "3.11.2",
  platform: { os: "linux", architecture: "amd64" },
  glibc: [2, 36],
};

/** In the order in which `packaging.tags` prefers them for CPython 3.11 on glibc 2.36. */
const BEST_FIRST = [
  "x-1-cp311-cp311-manylinux_2_36_x86_64.whl",
  "x-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
  "x-1-cp311-cp311-manylinux2014_x86_64.whl",
  "x-1-cp311-cp311-manylinux_2_12_x86_64.whl",
  "x-1-cp311-cp311-manylinux1_x86_64.whl",
  "x-1-cp311-cp311-linux_x86_64.whl",
  "x-1-cp311-abi3-manylinux_2_28_x86_64.whl",
  "x-1-cp311-none-manylinux_2_28_x86_64.whl",
  "x-1-cp310-abi3-manylinux_2_28_x86_64.whl",
  "x-1-cp32-abi3-linux_x86_64.whl",
  "x-1-py311-none-linux_x86_64.whl",
  "x-1-py3-none-manylinux_2_17_x86_64.whl",
  "x-1-py30-none-linux_x86_64.whl",
  "x-1-cp311-none-any.whl",
  "x-1-py311-none-any.whl",
  "x-1-py2.py3-none-any.whl",
  "x-1-py310-none-any.whl",
];

test("wheels rank in the order of packaging.tags", () => {
  const tags = compatibleTags(bookworm);
  const ranks = BEST_FIRST.map((name) => rankWheel(parseWheelFilename(name), tags));
  expect(ranks.every((rank) => rank !== undefined)).toBe(true);
  expect(ranks).toEqual([...ranks].sort((a, b) => a! - b!));
  expect(new Set(ranks).size).toBe(ranks.length);
});

test.each([
  "x-1-cp311-cp311-manylinux_2_37_x86_64.whl",
  "x-1-cp311-cp311-manylinux_2_28_aarch64.whl",
  "x-1-cp311-cp311-musllinux_1_2_x86_64.whl",
  "x-1-cp311-cp311-macosx_11_0_x86_64.whl",
  "x-1-cp311-cp311-win_amd64.whl",
  "x-1-cp312-cp312-manylinux_2_17_x86_64.whl",
  "x-1-cp312-abi3-manylinux_2_17_x86_64.whl",
  "x-1-cp310-cp310-manylinux_2_17_x86_64.whl",
  "x-1-pp311-pypy311_pp73-manylinux_2_17_x86_64.whl",
  "x-1-py2-none-any.whl",
  "x-1-py312-none-any.whl",
  "x-1-cp311-cp311-manylinux_2_4_x86_64.whl",
])("%s is not for bookworm", (name) => {
  expect(rankWheel(parseWheelFilename(name), compatibleTags(bookworm))).toBeUndefined();
});

test("a free-threaded wheel is not for a Python with the GIL", () => {
  const tags = compatibleTags({ ...bookworm, version: "3.13.5" });
  expect(rankWheel(parseWheelFilename("x-1-cp313-cp313t-manylinux_2_17_x86_64.whl"), tags)).toBeUndefined();
  expect(rankWheel(parseWheelFilename("x-1-cp313-cp313-manylinux_2_17_x86_64.whl"), tags)).toBeDefined();
});

test("manylinux1 and 2010 were never made for arm64", () => {
  const tags = platformTags({ ...bookworm, platform: { os: "linux", architecture: "arm64" } });
  expect(tags.at(-3)).toBe("manylinux_2_17_aarch64");
  expect(tags.slice(-2)).toEqual(["manylinux2014_aarch64", "linux_aarch64"]);
});

test("a compressed tag set of a million combinations costs nothing", () => {
  const many = Array.from({ length: 100 }, (_, i) => `py${i}`);
  expect(
    rankWheel({ pythonTags: many, abiTags: many, platformTags: many }, compatibleTags(bookworm)),
  ).toBeUndefined();
});

test.each([
  [{ ...bookworm, version: "2.7.18" }, "Python 2.7.18"],
  [{ ...bookworm, glibc: [3, 0] as const }, "glibc 3.0"],
])("a target without known tags is refused", (target, what) => {
  expect(() => compatibleTags(target)).toThrow(
    expect.objectContaining({ code: "TARGET_UNSUPPORTED", message: expect.stringContaining(what) }),
  );
});
