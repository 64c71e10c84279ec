import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { detectProject } from "../../src/frontend/project/detect.ts";
import { parseSpecYaml } from "../../src/frontend/spec/yaml.ts";
import { treeOf } from "../support/tree.ts";

const guide = readFileSync(join(root, "docs/guide/steps.md"), "utf8");
const examples = [...guide.matchAll(/<!-- example: (\S+) -->\n```yaml\n([\s\S]*?)```/g)];

test.for(examples)("the example %#", ([, , text]) => {
  expect(parseSpecYaml(text!, "cambium.yaml").stages?.stages.length).toBeGreaterThan(0);
});

test("the example of a pyproject.toml", async () => {
  const [, toml] = /<!-- example: pyproject -->\n```toml\n([\s\S]*?)```/.exec(guide)!;
  using folder = treeOf({ "pyproject.toml": toml!, "hello.py": "", "native.c": "" });
  const { stages } = await detectProject(folder.path);
  expect(stages?.stages.map(({ name, steps }) => [name, steps.length])).toEqual([
    ["made", 2],
    ["image", 3],
  ]);
});

test("every YAML of the guide is an example", () => {
  expect(examples).toHaveLength(guide.split("```yaml").length - 1);
});
