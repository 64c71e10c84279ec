import { expect, test } from "vitest";
import { chooseBase } from "./choose-base.ts";
import type { PythonStatement } from "./suite.ts";

const pin = (value: string): PythonStatement => ({ kind: "pin", value, where: ".python-version" });
const requires = (value: string): PythonStatement => ({ kind: "specifier", value, where: "requires-python" });

test("what is named is taken, whatever the project says of its Python", () => {
  const chosen = chooseBase([pin("3.12")], { from: "registry.example/base:1" });
  expect(chosen).toMatchObject({ base: { from: "registry.example/base:1" }, notices: [] });
  expect(chosen).not.toHaveProperty("python");
});

test("a Debian release that has the Python comes before an image", () => {
  expect(chooseBase([requires(">=3.9")], {})).toMatchObject({
    base: { debian: { suite: "trixie" } },
    python: "3.13",
  });
});

test.for([
  ["3.12", [pin("3.12")], "python:3.12-slim"],
  ["3.12.4 by its minor version", [pin("3.12.4")], "python:3.12-slim"],
  [">=3.14", [requires(">=3.14")], "python:3.14-slim"],
  [">=3.11.5,<3.13", [requires(">=3.11.5,<3.13")], "python:3.12-slim"],
] as const)("where no release has it, the official image: %s", ([, stated, from]) => {
  const chosen = chooseBase(stated, {});
  expect(chosen.base).toEqual({ from });
  expect(chosen.notices).toEqual([expect.stringContaining(`the base is ${from}`)]);
});

test.for([
  ["a Debian that was named", [requires("==3.12.*")], { debian: "bookworm" }],
  ["a Python that nobody has", [pin("3.7")], {}],
] as const)("no other base for %s", ([, stated, explicit]) => {
  expect(() => chooseBase(stated, explicit)).toThrowError(
    expect.objectContaining({ code: "PYTHON_UNAVAILABLE" }),
  );
});
