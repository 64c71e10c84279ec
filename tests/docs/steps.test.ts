import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { parseSpecYaml } from "../../src/frontend/spec/yaml.ts";

const guide = readFileSync(join(root, "docs/guide/steps.md"), "utf8");
const examples = [...guide.matchAll(/<!-- example: (\S+) -->\n```yaml\n([\s\S]*?)```/g)];

test.for(examples)("the example %#", ([, , text]) => {
  expect(parseSpecYaml(text!, "cambium.yaml").stages?.stages.length).toBeGreaterThan(0);
});

test("every YAML of the guide is an example", () => {
  expect(examples).toHaveLength(guide.split("```yaml").length - 1);
});
