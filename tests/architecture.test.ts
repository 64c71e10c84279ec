import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const leaves = [
  "errors",
  "events",
  "canonical-json",
  "platform",
  "layout-versions",
  "nearest",
  "csv",
  "byte-size",
  "cache-spec",
];

/**
 * What each room of `src` may import, besides itself. Imports go down only; a room that is not here may not exist.
 * To allow a new one is a decision about the design: change `docs/design` with it.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  events: [],
  "canonical-json": [],
  platform: ["errors"],
  "layout-versions": [],
  nearest: [],
  "byte-size": [],
  csv: ["errors"],
  "cache-spec": ["errors", "nearest", "csv"],
  // The nouns.
  layer: leaves,
  graph: [...leaves, "layer"],
  image: [...leaves, "layer"],
  // What is compared to say why a step missed: plain data in, plain data out.
  explain: [...leaves, "layer", "graph"],
  // The media.
  store: [...leaves, "layer", "image"],
  fetch: [...leaves, "layer", "store"],
  registry: [...leaves, "layer", "image", "store", "fetch"],
  context: [...leaves, "layer", "graph"],
  cache: [...leaves, "layer", "graph", "image", "store", "fetch", "registry"],
  // What every Linux root has, whoever packed it: ELF files, a C library, libraries.
  "ecosystems/linux": [...leaves, "layer", "image"],
  // What can be computed; the ecosystems do not know one another, only what joins them does.
  "ecosystems/python": [...leaves, "layer", "graph", "image", "store", "fetch", "ecosystems/linux"],
  "ecosystems/debian": [...leaves, "layer", "graph", "image", "store", "fetch", "ecosystems/linux"],
  ecosystems: [...leaves, "layer", "image", "ecosystems/linux", "ecosystems/python", "ecosystems/debian"],
  engine: [...leaves, "layer", "graph", "image", "store", "fetch"],
  solve: [
    ...leaves,
    ...["layer", "graph", "explain", "image", "store", "fetch", "registry", "context", "cache", "engine"],
    ...["ecosystems", "ecosystems/linux", "ecosystems/python", "ecosystems/debian"],
  ],
  // Arranges what is solved; pure, but for the sizes that it asks of a snapshot.
  plan: [...leaves, "layer", "graph", "solve"],
  "frontend/spec": [...leaves, "layer", "graph", "image"],
  "frontend/dockerfile": [...leaves, "layer", "graph", "image", "context"],
  "frontend/project": [...leaves, "layer", "graph", "image", "context", "frontend/spec", "ecosystems/python"],
  frontend: [...leaves, "layer", "graph", "context", "frontend/spec", "frontend/project"],
  actions: [
    ...leaves,
    ...[
      "layer",
      "graph",
      "explain",
      "image",
      "store",
      "fetch",
      "registry",
      "context",
      "cache",
      "engine",
      "solve",
      "plan",
    ],
    ...[
      "ecosystems",
      "ecosystems/linux",
      "ecosystems/python",
      "ecosystems/debian",
      "frontend",
      "frontend/spec",
      "frontend/project",
      "frontend/dockerfile",
    ],
  ],
  report: leaves,
  cli: [...leaves, "actions", "report"],
  api: [...leaves, "actions", "graph", "frontend", "frontend/spec"],
};

type Import = { readonly from: string; readonly to: string; readonly isDynamic: boolean };

const files = sourceFiles();
const imports = files.flatMap(importsOf);

test("every room of src is in the table", () => {
  expect([...new Set(files.map(roomOf))].filter((room) => allowed[room] === undefined)).toEqual([]);
});

test("imports go down only", () => {
  const wrong = imports
    .filter(
      ({ from, to }) => roomOf(from) !== roomOf(to) && !(allowed[roomOf(from)] ?? []).includes(roomOf(to)),
    )
    .map(({ from, to }) => `${from} imports ${to}: ${roomOf(from)} may not know ${roomOf(to)}`);
  expect(wrong).toEqual([]);
});

test("every relative import names a file of src", () => {
  const known = new Set(files);
  expect(imports.filter(({ to }) => !known.has(to)).map(({ from, to }) => `${from} imports ${to}`)).toEqual(
    [],
  );
});

test("no file imports itself through others", () => {
  const edges = new Map<string, string[]>();
  for (const { from, to, isDynamic } of imports) {
    if (!isDynamic) edges.set(from, [...(edges.get(from) ?? []), to]);
  }
  expect(findCycle(edges)?.join(" -> ")).toBeUndefined();
});

test("the table itself has no cycle, so that down means down", () => {
  expect(findCycle(new Map(Object.entries(allowed)))?.join(" -> ")).toBeUndefined();
});

test("the library neither reads the process's environment nor prints", () => {
  const forbidden = /(?<![.\w])(?:process\.(?:env|cwd\(|argv|stdout|stderr|exit)|console\.)/;
  const wrong = files
    .filter((file) => file !== "src/cli/entry.ts")
    .filter((file) => forbidden.test(withoutComments(readFileSync(join(root, file), "utf8"))));
  expect(wrong).toEqual([]);
});

test("the finder of cycles finds one", () => {
  const edges = new Map([
    ["a", ["b"]],
    ["b", ["c", "d"]],
    ["d", ["b"]],
  ]);
  expect(findCycle(edges)).toEqual(["b", "d", "b"]);
});

function sourceFiles(): string[] {
  return readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** `src/layer/x.ts` is of `layer`, `src/frontend/spec/x.ts` of `frontend/spec`, `src/errors.ts` of `errors`. */
function roomOf(file: string): string {
  const [, ...parts] = file.replace(/\.ts$/, "").split("/");
  const hasWings = parts[0] === "ecosystems" || parts[0] === "frontend";
  return hasWings && parts.length > 2 ? `${parts[0]}/${parts[1]}` : parts[0]!;
}

function importsOf(from: string): Import[] {
  const text = withoutComments(readFileSync(join(root, from), "utf8"));
  return [...text.matchAll(/(?:\bfrom\s+|\bimport\s+|\b(import)\(\s*)"(\.{1,2}\/[^"]+\.ts)"/g)].map(
    (match) => ({
      from,
      to: normalize(join(dirname(from), match[2]!)),
      isDynamic: match[1] !== undefined,
    }),
  );
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

/** A path that ends where it began, or nothing. */
function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): string[] | undefined => {
    if (finished.has(node)) return undefined;
    const at = path.indexOf(node);
    if (at !== -1) return [...path.slice(at), node];
    path.push(node);
    for (const next of edges.get(node) ?? []) {
      const cycle = visit(next);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    finished.add(node);
    return undefined;
  };
  for (const node of edges.keys()) {
    const cycle = visit(node);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
