/**
 * `npm run generate` writes what is made from the source: the references and the JSON Schema. With `--check` it writes nothing and fails
 * where a file differs.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./paths.ts";
import { cliReference } from "./reference/cli-reference.ts";
import { errorReference } from "./reference/error-reference.ts";
import { schemaJson, yamlReference } from "./reference/spec-reference.ts";

/** Path below the checkout, and what makes its text. */
const generated: Readonly<Record<string, () => string | Promise<string>>> = {
  "docs/reference/cli.md": cliReference,
  "docs/reference/errors.md": errorReference,
  "docs/reference/cambium-yaml.md": yamlReference,
  "schema/cambium.schema.json": schemaJson,
};

const isCheck = process.argv.includes("--check");
for (const [path, make] of Object.entries(generated)) {
  const text = await make();
  const file = join(root, path);
  if (currentText(file) === text) continue;
  if (isCheck) {
    console.error(`${path} is out of date: run npm run generate`);
    process.exitCode = 1;
    continue;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.error(`wrote ${path}`);
}

function currentText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
