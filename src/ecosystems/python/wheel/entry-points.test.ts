import { expect, test } from "vitest";
import {
  consoleScripts,
  guiScripts,
  isWrapperOf,
  parseEntryPoints,
  parseScriptTarget,
} from "./entry-points.ts";

const W = "demo.whl";

test("only the two script groups count; comments and space around are passed over", () => {
  const text = `
    loose = ignored:it
    [console_scripts]
    # a comment
    demo = demo.cli:main
    odd=demo.cli:other   ; kept, since comments stand at the start

    [demo.plugins]
    console = demo:plugin
    [gui_scripts]
    window = demo.gui:Window.run [gui]
  `;
  const found = parseEntryPoints(text, W);
  expect([...found.console]).toEqual([
    ["demo", "demo.cli:main"],
    ["odd", "demo.cli:other   ; kept, since comments stand at the start"],
  ]);
  expect([...found.gui]).toEqual([["window", "demo.gui:Window.run [gui]"]]);
});

test("of two equal names the last counts, at the first one's place", () => {
  const found = parseEntryPoints("[console_scripts]\na = x:one\nb = x:two\na = x:three\n", W);
  expect([...found.console]).toEqual([
    ["a", "x:three"],
    ["b", "x:two"],
  ]);
});

test("a line without '=' in a section is refused with its text", () => {
  expect(() => parseEntryPoints("[console_scripts]\njust words\n", W)).toThrow(
    expect.objectContaining({ code: "WHEEL_ENTRY_POINT", message: expect.stringContaining('"just words"') }),
  );
});

test.each([
  ["demo", "demo.cli:main", { name: "demo", module: "demo.cli", object: "main" }],
  ["demo", "demo:App.run", { name: "demo", module: "demo", object: "App.run" }],
  ["demo.py", "demo:main [extra1, extra2]", { name: "demo.py", module: "demo", object: "main" }],
  ["demo", "demo:main[extra]", { name: "demo", module: "demo", object: "main" }],
  ["demo", "démo:été", { name: "demo", module: "démo", object: "été" }],
  ["sub/demo", "demo:main", { name: "sub/demo", module: "demo", object: "main" }],
])("%s = %s", (name, value, target) => {
  expect(parseScriptTarget(name, value, W)).toEqual(target);
});

test.each([
  ["demo", "demo.cli", "names no function"],
  ["demo", "demo:a:b", "names no function"],
  ["demo", "demo:main [", "not of the form"],
  ["demo", "", "not of the form"],
  ["demo", "demo-cli:main", "names no function"],
  ["../demo", "demo:main", "outside the scripts directory"],
  ["/usr/bin/demo", "demo:main", "outside the scripts directory"],
  ["a/../b", "demo:main", "outside the scripts directory"],
  [".", "demo:main", "outside the scripts directory"],
])("%s = %s is refused: it is %s", (name, value, reason) => {
  expect(() => parseScriptTarget(name, value, W)).toThrow(
    expect.objectContaining({ code: "WHEEL_ENTRY_POINT", message: expect.stringContaining(reason) }),
  );
});

const pip = parseEntryPoints("[console_scripts]\nother = x:y\npip = p:m\npip3 = p:m\npip3.9 = p:m\n", W);

test("pip's versioned scripts are for the Python at hand, or have no X.Y where every Python 3 is served", () => {
  const names = (version: string | undefined) => consoleScripts(pip, version, W).map((it) => it.name);
  expect(names("3.11")).toEqual(["pip", "pip3", "pip3.11", "other"]);
  expect(names(undefined)).toEqual(["pip", "pip3", "other"]);
});

test("easy_install's too; names that only look like theirs stay", () => {
  const text =
    "[console_scripts]\neasy_install = e:m\neasy_install-3.6 = e:m\npip3000x = p:m\neasy_installer = e:m\n";
  const names = consoleScripts(parseEntryPoints(text, W), "3.13", W).map((it) => it.name);
  expect(names).toEqual(["easy_install", "easy_install-3.13", "pip3000x", "easy_installer"]);
});

test("versioned names stay where there is no plain one", () => {
  const found = parseEntryPoints("[console_scripts]\npip3.9 = p:m\n", W);
  expect(consoleScripts(found, "3.11", W).map((it) => it.name)).toEqual(["pip3.9"]);
});

test("what setuptools wraps an entry point in is known as such", () => {
  const found = parseEntryPoints("[console_scripts]\ntool = x:y\n[gui_scripts]\nwin = x:z\n", W);
  expect(guiScripts(found, W)).toHaveLength(1);
  const isWrapper = (name: string) => isWrapperOf(found, name);
  expect(
    ["tool", "tool.exe", "TOOL.EXE", "tool-script.py", "win.pya", "tool.py", "other"].map(isWrapper),
  ).toEqual([true, true, false, true, true, false, false]);
});
