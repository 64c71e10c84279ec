import { expect, test } from "vitest";
import { treeOf } from "../../../tests/support/tree.ts";
import { digestOf } from "../../layer/digest.ts";
import { unpackedModule } from "./unpacked-module.ts";

test("a module is read if it is the one that the image has", () => {
  using folder = treeOf({ "usr/lib/python3.11/abc.py": "ABC = 1\n" });
  const program = { root: folder.path };
  const digest = digestOf("ABC = 1\n");
  expect(unpackedModule(program, ["usr/lib/python3.11/abc.py", digest]).toString()).toBe("ABC = 1\n");
  for (const [path, wanted] of [
    ["usr/lib/python3.11/abc.py", digestOf("ABC = 2\n")],
    ["usr/lib/python3.11/os.py", digest],
    ["usr/lib/python3.11", digest],
  ] as const) {
    expect(() => unpackedModule(program, [path, wanted])).toThrow(
      expect.objectContaining({
        code: "PYTHON_UNUSABLE",
        message: expect.stringContaining(`another ${path} than`),
      }),
    );
  }
});
