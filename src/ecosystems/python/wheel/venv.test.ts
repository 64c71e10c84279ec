import { expect, test } from "vitest";
import { digestOf } from "../../../layer/digest.ts";
import { parseWheelFilename } from "../standards/wheel-filename.ts";
import { relativeFrom, venvScheme } from "./scheme.ts";
import { venvSegment, venvSegmentFiles } from "./venv.ts";

test("the venv is links, one directory and pyvenv.cfg, for any patch release alike", () => {
  const shown = venvSegmentFiles({ version: "3.11.2", path: "/usr/bin/python3.11" }).map((it) =>
    it.type === "symlink"
      ? `${it.path} -> ${it.target}`
      : it.type === "file"
        ? `${it.path}: ${Buffer.from(it.content)}`
        : `${it.path}/`,
  );
  expect(shown).toEqual([
    "opt/venv/bin/python -> /usr/bin/python3.11",
    "opt/venv/bin/python3 -> python",
    "opt/venv/bin/python3.11 -> python",
    "opt/venv/lib/python3/site-packages/",
    "opt/venv/lib/python3.11 -> python3",
    "opt/venv/lib64 -> lib",
    "opt/venv/pyvenv.cfg: home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11\n",
  ]);
  expect(venvSegmentFiles({ version: "3.11", path: "/usr/bin/python3.11" })).toEqual(
    venvSegmentFiles({ version: "3.11.2", path: "/usr/bin/python3.11" }),
  );
});

test("venvs of two minor versions are two segments, of two patch releases one", () => {
  const id = (version: string, path = `/usr/bin/python${version.slice(0, 4)}`) =>
    venvSegment({ version, path }, { put: digestOf }).id;
  expect(id("3.11.2")).toBe(id("3.11.9"));
  expect(id("3.11")).not.toBe(id("3.13"));
  expect(id("3.11")).not.toBe(id("3.11", "/usr/local/bin/python3.11"));
});

test.each(["", "3", "2.7", "3.x", "../3.11", "3.11/.."])("%j is no Python version", (version) => {
  expect(() => venvSegmentFiles({ version, path: "/usr/bin/python3" })).toThrow(
    expect.objectContaining({ code: "PYTHON_VERSION" }),
  );
});

test.each([
  ["x-1-cp311-cp311-manylinux_2_17_x86_64.whl", "3.11"],
  ["x-1-cp311-none-any.whl", "3.11"],
  ["x-1-cp39-abi3-manylinux_2_17_x86_64.whl", undefined],
  ["x-1-py3-none-any.whl", undefined],
  ["x-1-py2.py3-none-any.whl", undefined],
  ["x-1-cp310.cp311-none-any.whl", undefined],
  ["x-1-cp311-cp311.abi3-linux_x86_64.whl", undefined],
])("%s serves only Python %s", (filename, version) => {
  const scheme = venvScheme(parseWheelFilename(filename));
  expect(scheme.pythonVersion).toBe(version);
  expect(scheme.paths.headers).toBe(`opt/venv/include/site/python${version ?? "3"}/x`);
});

test("no wheel may bring what the venv consists of", () => {
  const { isReserved } = venvScheme(parseWheelFilename("x-1-py3-none-any.whl"));
  for (const entry of venvSegmentFiles({ version: "3.11", path: "/usr/bin/python3.11" }))
    expect(isReserved(entry.path)).toBe(entry.type !== "directory");
  expect(isReserved("opt/venv/bin/python-config")).toBe(false);
  expect(isReserved("opt/venv/lib/python3/site-packages/lib64")).toBe(false);
});

test.each([
  ["a/b/c", "a/b/c/d/e", "d/e"],
  ["a/b/c", "a/x", "../../x"],
  ["a/b/c", "y", "../../../y"],
  ["a/b/c", "a/b/cc/d", "../cc/d"],
  ["a/b", "a/b", "../b"],
])("from %s the path %s is %s", (base, path, relative) => {
  expect(relativeFrom(base, path)).toBe(relative);
});
