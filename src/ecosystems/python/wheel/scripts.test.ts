import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { scriptText, withInterpreter } from "./scripts.ts";

const target = { name: "demo", module: "demo.cli", object: "App.main" };

test("a wrapper imports the first name and calls the whole object", () => {
  expect(scriptText(target, "/opt/venv/bin/python")).toBe(
    [
      "#!/opt/venv/bin/python",
      "import sys",
      "from demo.cli import App",
      "if __name__ == '__main__':",
      "    sys.argv[0] = sys.argv[0].removesuffix('.exe')",
      "    sys.exit(App.main())",
      "",
    ].join("\n"),
  );
});

test("127 bytes of first line are a plain one, 128 are not", () => {
  const path = (length: number) => `/${"x".repeat(length - 1)}`;
  expect(scriptText(target, path(124)).split("\n")[0]).toBe(`#!${path(124)}`);
  expect(scriptText(target, path(125)).split("\n").slice(0, 3)).toEqual([
    "#!/bin/sh",
    `'''exec' ${path(125)} "$0" "$@"`,
    "' '''",
  ]);
});

test("a path with a space is quoted, and sh really runs it", () => {
  const text = scriptText(target, "/a b/python");
  expect(text.split("\n")[1]).toBe(`'''exec' "/a b/python" "$0" "$@"`);
  const printing = text.replace('"/a b/python"', "/bin/echo ran");
  expect(execFileSync("/bin/sh", ["-s", "x"], { input: printing }).toString()).toMatch(/^ran .* x\n$/);
});

test.each([
  ["#!python\nprint(1)\n", "#!/opt/venv/bin/python\nprint(1)\n"],
  ["#!pythonw\nprint(1)\n", "#!/opt/venv/bin/python\nprint(1)\n"],
  ["#!python -E\r\nprint(1)\r\n", "#!/opt/venv/bin/python\nprint(1)\r\n"],
  ["#!python", "#!/opt/venv/bin/python\n"],
  ["#!python\n\n\n", "#!/opt/venv/bin/python\n\n\n"],
])("the first line of %j becomes the interpreter", (before, after) => {
  const script = withInterpreter(Buffer.from(before), "/opt/venv/bin/python");
  expect(script === undefined ? undefined : Buffer.from(script).toString()).toBe(after);
});

test.each(["#!/usr/bin/env python\n", "#! python\n", "\n#!python\n", "\x7fELF", "", "#!pytho"])(
  "%j is left alone",
  (text) => {
    expect(withInterpreter(Buffer.from(text), "/opt/venv/bin/python")).toBeUndefined();
  },
);
