import { expect, test } from "vitest";
import { parseWheelFilename } from "./wheel-filename.ts";

test("a compressed tag set comes apart in the order written", () => {
  expect(
    parseWheelFilename("numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
  ).toEqual({
    name: "numpy",
    version: "2.1.0",
    pythonTags: ["cp311"],
    abiTags: ["cp311"],
    platformTags: ["manylinux_2_17_x86_64", "manylinux2014_x86_64"],
  });
});

test.each([
  ["six-1.17.0-py2.py3-none-any.whl", { name: "six", version: "1.17.0", pythonTags: ["py2", "py3"] }],
  ["ruamel.yaml-0.18.6-py3-none-any.whl", { name: "ruamel-yaml", version: "0.18.6" }],
  ["zope_interface-7.0-cp311-cp311-linux_x86_64.whl", { name: "zope-interface" }],
  ["Foo-1.0.RC1-py3-none-any.whl", { name: "foo", version: "1.0rc1" }],
  ["torch-2.4.0+cpu.cxx11.abi-cp311-cp311-linux_x86_64.whl", { version: "2.4.0+cpu.cxx11.abi" }],
  ["torch-2.4.0+cpu_1-cp311-cp311-linux_x86_64.whl", { version: "2.4.0+cpu.1" }],
  ["x-1!2.0.post1.dev3-py3-none-any.whl", { version: "1!2.0.post1.dev3" }],
  ["x-1.0-0001-py3-none-any.whl", { build: { number: 1, rest: "" } }],
  ["x-1.0-12abc_3-py3-none-any.whl", { build: { number: 12, rest: "abc_3" } }],
  ["x-1.0-PY3-None-ANY.whl", { pythonTags: ["py3"], abiTags: ["none"], platformTags: ["any"] }],
])("%s", (filename, part) => {
  expect(parseWheelFilename(filename)).toMatchObject(part);
});

test.each([
  ["x-1.0-py3-none-any.zip", "must end with .whl"],
  ["x-1.0-py3-none-any.WHL", "must end with .whl"],
  ["x-1.0.whl", "2 parts"],
  ["x-1.0-py3-none.whl", "4 parts"],
  ["x-1.0-1-py3-none-any-more.whl", "7 parts"],
  ["-1.0-py3-none-any.whl", 'name ""'],
  ["a__b-1.0-py3-none-any.whl", 'name "a__b"'],
  ["../x-1.0-py3-none-any.whl", 'name "../x"'],
  ["x-one-py3-none-any.whl", 'version "one"'],
  ["x-1.0-b1-py3-none-any.whl", 'build tag "b1"'],
  ["x-1.0-py3..py2-none-any.whl", 'tag ""'],
  ["x-1.0-py3-none-any/../y.whl", "tag "],
  ["x-1.0-py3-none-any\n.whl", "tag "],
])("%j is refused: %s", (filename, reason) => {
  expect(() => parseWheelFilename(filename)).toThrow(
    expect.objectContaining({ code: "WHEEL_FILENAME", message: expect.stringContaining(reason) }),
  );
});
