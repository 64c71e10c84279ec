import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { SAFE_CACHES } from "../../src/solve/steps/mount-sharing.ts";

const guide = readFileSync(join(root, "docs/guide/cache-mounts.md"), "utf8");

test.for(SAFE_CACHES)("the guide has the row of $tool", ({ tool, folders, variables }) => {
  const row = guide.split("\n").find((line) => line.startsWith(`| ${tool} |`)) ?? "";
  expect(row).toContain("| `shared` |");
  const named = [...row.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  const known = [...folders, ...variables, "shared"];
  expect(named.filter((name) => !known.includes(name!))).toEqual([]);
  expect(folders.filter((folder) => !named.includes(folder))).toEqual([]);
  expect(variables.filter((name) => !named.some((one) => one?.toLowerCase() === name.toLowerCase()))).toEqual(
    [],
  );
});

test("the guide has no row that the code does not know", () => {
  const rows = guide.split("\n").filter((line) => line.endsWith("| `shared` |"));
  expect(rows).toHaveLength(SAFE_CACHES.length);
});
