import { describe, expect, test } from "vitest";
import { pythonConstraint } from "./poetry-constraint.ts";
import { chooseSuite, type PythonStatement, pinFromFile } from "./suite.ts";

const requires = (value: string): PythonStatement => ({
  kind: "specifier",
  value,
  where: "pyproject.toml: requires-python",
});
const pin = (value: string): PythonStatement => ({ kind: "pin", value, where: ".python-version" });
const poetry = (value: string): PythonStatement => ({
  kind: "poetry",
  value,
  where: "poetry.lock: python-versions",
});

test.for([
  ["nothing stated", [], "trixie"],
  [">=3.8", [requires(">=3.8")], "trixie"],
  [">=3.10,<3.13", [requires(">=3.10,<3.13")], "bookworm"],
  ["==3.11.*", [requires("==3.11.*")], "bookworm"],
  ["~=3.11.0", [requires("~=3.11.0")], "bookworm"],
  ["~=3.11", [requires("~=3.11")], "trixie"],
  [">=3.13.1", [requires(">=3.13.1")], "trixie"],
  ["<=3.11.2", [requires("<=3.11.2")], "bookworm"],
  ["pin 3.11", [pin("3.11")], "bookworm"],
  ["pin 3.11.9", [pin("3.11.9")], "bookworm"],
  ["pin 3", [pin("3")], "trixie"],
  ["pin of uv", [pin("cpython-3.11.7-linux-x86_64-gnu")], "bookworm"],
  ["pin 3.11 within >=3.9", [pin("3.11"), requires(">=3.9")], "bookworm"],
  ["^3.10", [poetry("^3.10")], "trixie"],
  ["~3.11", [poetry("~3.11")], "bookworm"],
  [">=3.9,<3.12", [poetry(">=3.9,<3.12")], "bookworm"],
  ["^3.9 || ^4.0", [poetry("^3.9 || ^4.0")], "trixie"],
] as const)("%s: %s", ([, statements, suite]) => {
  expect(chooseSuite(statements).suite).toBe(suite);
});

describe("no suite fits", () => {
  test.for([
    ["3.12", [pin("3.12")]],
    [">=3.14", [requires(">=3.14")]],
    ["==3.12.*", [requires("==3.12.*")]],
    [">=3.11.5,<3.12", [requires(">=3.11.5,<3.12")]],
    ["pypy3.10", [pin("pypy3.10")]],
    ["^2.7", [poetry("^2.7")]],
  ] as const)("%s", ([value, statements]) => {
    expect(() => chooseSuite(statements)).toThrowError(
      expect.objectContaining({
        code: "PYTHON_UNAVAILABLE",
        exitCode: 2,
        message: expect.stringContaining(JSON.stringify(value)),
        hint: expect.stringContaining("--base"),
      }),
    );
  });

  test("names the statements, the file and what there is", () => {
    expect(() => chooseSuite([pin("3.11"), requires(">=3.13")])).toThrowError(
      'no Python for "3.11" (.python-version) and ">=3.13" (pyproject.toml: requires-python): Debian has 3.13.5 (trixie), 3.11.2 (bookworm)',
    );
  });
});

describe("a suite that was set", () => {
  test("comes before .python-version, which is for the developer's machine", () => {
    expect(chooseSuite([pin("3.13")], "bookworm")).toMatchObject({
      suite: "bookworm",
      python: "3.11",
      notices: [],
    });
  });

  test("is held to requires-python", () => {
    expect(() => chooseSuite([requires(">=3.12")], "bookworm")).toThrowError(
      'no Python for ">=3.12" (pyproject.toml: requires-python): Debian bookworm was chosen, which has 3.11.2 (bookworm)',
    );
  });
});

test("another patch level than the pinned is said, not hidden", () => {
  expect(chooseSuite([pin("3.11.9")]).notices).toEqual([
    ".python-version says Python 3.11.9; Debian bookworm has 3.11.2.",
  ]);
  expect(chooseSuite([pin("3.11.2")]).notices).toEqual([]);
});

test.for([
  ["3.11\n", "pin", "3.11"],
  ["# comment\n\n  3.11.7  # why\n3.10\n", "pin", "3.11.7"],
  [">=3.11\n", "specifier", ">=3.11"],
] as const)(".python-version %j", ([text, kind, value]) => {
  expect(pinFromFile(text)).toEqual({ kind, value, where: ".python-version" });
});

test(".python-version without a version says nothing", () => {
  expect(pinFromFile("")).toBeUndefined();
  expect(pinFromFile("system\n")).toBeUndefined();
});

test.for([
  ["^3.10", [">=3.10,<4"]],
  ["^0.3.1", [">=0.3.1,<0.4"]],
  ["^0.0.3", [">=0.0.3,<0.0.4"]],
  ["^0", [">=0,<1"]],
  ["~3.11", [">=3.11,<3.12"]],
  ["~3.11.2", [">=3.11.2,<3.12"]],
  ["~3", [">=3,<4"]],
  ["3.11.*", ["==3.11.*"]],
  ["*", [""]],
  [">=3.9, <3.12", [">=3.9,<3.12"]],
  [">=3.9 <3.12", [">=3.9,<3.12"]],
  ["^3.9 || ~4.1", [">=3.9,<4", ">=4.1,<4.2"]],
] as const)("Poetry's %s means %j", ([text, expected]) => {
  expect(pythonConstraint(text)).toEqual(expected);
});
