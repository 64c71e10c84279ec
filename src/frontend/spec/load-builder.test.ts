import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { treeOf } from "../../../tests/support/tree.ts";

const fileUrl = (path: string) => pathToFileURL(join(import.meta.dirname, path)).href;

/** In a process of its own: the test runner's module loader stands in the way of Node's hooks. */
function load(files: Readonly<Record<string, string>>): Record<string, string> {
  using folder = treeOf(files);
  const program = `
    import { loadBuilderFile } from ${JSON.stringify(fileUrl("load-builder.ts"))};
    const results = {};
    for (const name of ${JSON.stringify(Object.keys(files).filter((name) => name.startsWith("cambium")))}) {
      results[name] = await loadBuilderFile(process.argv[1] + "/" + name, ${JSON.stringify(fileUrl("builder.ts"))}).then(
        ({ definition }) => definition.base.suite + " " + definition.base.packages,
        (error) => error.code + " " + error.message + " | " + error.hint,
      );
    }
    console.log(JSON.stringify(results));
  `;
  const args = ["--input-type=module", "--eval", program, folder.path];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  // Such as a warning about the module's type, which the user could do nothing about.
  expect(stderr).toBe("");
  return JSON.parse(stdout.replaceAll(folder.path, "[folder]")) as Record<string, string>;
}

const use = 'import { debian, image } from "cambium";\n';

test("an image, a function, a promise; with types, in any module form, from files beside", () => {
  const results = load({
    "cambium.ts": `${use}const suite: "bookworm" = "bookworm";\nexport default image(debian(suite)).apt("curl");\n`,
    "cambium.function.ts": `${use}export default () => image(debian("trixie"));\n`,
    "cambium.promise.mts": `${use}export default Promise.resolve(image(debian("trixie")));\n`,
    "cambium.async.mjs": `${use}export default async () => image(debian("bookworm"));\n`,
    "cambium.parts.ts": `${use}import { packages } from "./packages.ts";\nexport default image().apt(...packages);\n`,
    "packages.ts": 'export const packages: readonly string[] = ["libgomp1"];\n',
  });
  expect(results).toEqual({
    "cambium.ts": "bookworm curl",
    "cambium.function.ts": "trixie ",
    "cambium.promise.mts": "trixie ",
    "cambium.async.mjs": "bookworm ",
    "cambium.parts.ts": "trixie libgomp1",
  });
});

test("mistakes name the file and the line", () => {
  expect(
    load({
      "cambium.call.ts": `${use}\nexport default image(debian("bookworm"))\n  .expose("abc");\n`,
      "cambium.thrown.ts": `${use}\nthrow new Error("no luck");\n`,
      "cambium.undefined.ts": `${use}\nnope();\n`,
      "cambium.enum.ts": `${use}\nenum A { B }\nexport default image();\n`,
      "cambium.syntax.ts": `${use}\nconst x = ;\n`,
      "cambium.import.ts": 'import x from "not-there";\nexport default x;\n',
      "cambium.number.ts": "export default 1;\n",
      "cambium.none.ts": "export const image = 1;\n",
      "cambium.late.ts": `${use}\nexport default () => {\n  return image().python({});\n};\n`,
    }),
  ).toMatchInlineSnapshot(`
    {
      "cambium.call.ts": "SPEC_INVALID [folder]/cambium.call.ts:4:4: .expose(…): expose[0]: expected a port such as 8000 or 53/udp, got "abc" | For example expose: 8000",
      "cambium.enum.ts": "BUILDER_FAILED [folder]/cambium.enum.ts:3: TypeScript enum is not supported in strip-only mode | Types are only stripped: no enum, namespace or parameter property.",
      "cambium.import.ts": "BUILDER_FAILED [folder]/cambium.import.ts: Cannot find package 'not-there' imported from [folder]/cambium.import.ts | The file can import cambium, Node's modules and what is installed beside it.",
      "cambium.late.ts": "SPEC_INVALID [folder]/cambium.late.ts: .python(…): python: expected exactly one source, got none | Name one of requirements, pylock, uv, poetry, pyproject, script, lock, packages.",
      "cambium.none.ts": "BUILDER_EXPORT [folder]/cambium.none.ts: the default export is missing, not an image | For example: export default image(debian("bookworm")).python("requirements.txt")",
      "cambium.number.ts": "BUILDER_EXPORT [folder]/cambium.number.ts: the default export is a number, not an image | For example: export default image(debian("bookworm")).python("requirements.txt")",
      "cambium.syntax.ts": "BUILDER_FAILED [folder]/cambium.syntax.ts:3: Expression expected | undefined",
      "cambium.thrown.ts": "BUILDER_FAILED [folder]/cambium.thrown.ts:3:7: no luck | undefined",
      "cambium.undefined.ts": "BUILDER_FAILED [folder]/cambium.undefined.ts:3:1: nope is not defined | undefined",
    }
  `);
});

test("the example is an image", () => {
  const code = readFileSync(join(import.meta.dirname, "../../../examples/builder/cambium.ts"), "utf8");
  expect(load({ "cambium.ts": code })).toEqual({ "cambium.ts": "trixie " });
});
