import { expect, test } from "vitest";
import { recordsOf } from "../../src/solve/steps/stage-layers.ts";
import { linesOfTree } from "../support/found-tree.ts";
import { merge, stageBench } from "../support/stage-bench.ts";

const digestsOf = (layers: Parameters<typeof recordsOf>[0]) =>
  recordsOf(layers).map(({ descriptor }) => descriptor.digest);

test("trees that do not touch are laid by their own layers, byte for byte", async () => {
  await using place = stageBench();
  const a = await place.image([
    { path: "a", directory: true },
    { path: "a/one", file: "1" },
  ]);
  const b = await place.image([
    { path: "b", directory: true },
    { path: "b/two", file: "2" },
  ]);
  const merged = await place.solve({ a: { base: a }, b: { base: b }, both: { steps: [merge(0, 1)] } });
  const alone = [await place.solve({ a: { base: a } }), await place.solve({ b: { base: b } })];
  expect(digestsOf(merged.layers)).toEqual(alone.flatMap(({ layers }) => digestsOf(layers)));
  expect(linesOfTree(await place.tree(merged.layers)).map((line) => line.split(" ")[0])).toEqual([
    ...["a", "a/one", "b", "b/two"],
  ]);
  expect(merged.warnings).toEqual([]);
});
