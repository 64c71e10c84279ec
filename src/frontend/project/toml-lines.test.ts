import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { expect, test } from "vitest";
import { tomlLines } from "./toml-lines.ts";

const text = `# first
[project]
name = "a # no comment"

[tool.cambium]
run = [
  "one", # two
  { command = "three", mounts = [
    { type = "cache" },
    { type = "tmpfs", target = """
      four ] }
    """ },
  ] },
]
env.A = 1
"quoted key" = '"'

[[tool.cambium.steps]]
copy = "a"

[[tool.cambium.steps]]
[tool.cambium.steps.http]
url = "x"

[tool.cambium.stages.build]
debian = { suite = "bookworm",
  variant = "standard" }
`;

test.for<[path: readonly PropertyKey[], line: number]>([
  [["project", "name"], 3],
  [["tool", "cambium"], 5],
  [["tool", "cambium", "run"], 6],
  [["tool", "cambium", "run", 0], 7],
  [["tool", "cambium", "run", 1, "mounts", 0, "type"], 9],
  [["tool", "cambium", "run", 1, "mounts", 1, "target"], 10],
  [["tool", "cambium", "env", "A"], 15],
  [["tool", "cambium", "quoted key"], 16],
  [["tool", "cambium", "steps", 0, "copy"], 19],
  [["tool", "cambium", "steps", 1], 21],
  [["tool", "cambium", "steps", 1, "http", "url"], 23],
  [["tool", "cambium", "stages", "build", "debian", "variant"], 27],
  // What is not there is where it would be.
  [["tool", "cambium", "stages", "build", "apt"], 25],
  [["tool", "cambium", "nothing"], 5],
  [["nothing"], 1],
])("%s", ([path, line]) => {
  expect(tomlLines(text)(path)).toBe(line);
});

type Tree = number | readonly Tree[] | { readonly [key: string]: Tree };
type Path = readonly (string | number)[];

/** The same tree with another number at each leaf, from 1000. */
function numbered(tree: Tree, next = { number: 1000 }): Tree {
  if (typeof tree === "number") return next.number++;
  if (Array.isArray(tree)) return tree.map((item) => numbered(item, next));
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, numbered(value, next)]));
}

function leaves(tree: Tree, path: Path = []): { readonly path: Path; readonly leaf: number }[] {
  if (typeof tree === "number") return [{ path, leaf: tree }];
  if (Array.isArray(tree)) return tree.flatMap((item, i) => leaves(item, [...path, i]));
  return Object.entries(tree).flatMap(([key, value]) => leaves(value, [...path, key]));
}

test("every value of any document is found in its own line", () => {
  const { table } = fc.letrec<{ value: Tree; table: { [key: string]: Tree } }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constant(0),
      fc.array(fc.constant(0), { maxLength: 3 }),
      tie("table"),
      fc.array(tie("table"), { maxLength: 3 }),
    ),
    table: fc.dictionary(fc.string({ minLength: 1 }), tie("value"), { noNullPrototype: true, maxKeys: 3 }),
  }));
  fc.assert(
    fc.property(table, (drawn) => {
      const text = stringify(numbered(drawn));
      const document = parse(text) as { [key: string]: Tree };
      const find = tomlLines(text);
      for (const { path, leaf } of leaves(document)) {
        expect(text.split("\n")[find(path) - 1]).toContain(String(leaf));
      }
    }),
  );
});
