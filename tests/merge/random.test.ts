import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../src/canonical-json.ts";
import { CambiumError } from "../../src/errors.ts";
import type { ImageTree } from "../../src/image/image-tree.ts";
import { layerListings } from "../../src/solve/base-listings.ts";
import { recordsOf } from "../../src/solve/steps/stage-layers.ts";
import { NOTHING_WANTED } from "../support/engine-place.ts";
import type { HandMade } from "../support/layers.ts";
import { randomLayer } from "../support/random-layers.ts";
import { merge, type StageBench, stageBench } from "../support/stage-bench.ts";

/** All that a tree says, and which names are one file. */
function saidBy(tree: ImageTree): string[] {
  const inodes = [...tree.inodes()];
  return Array.from(tree.entries(), (entry) => {
    const [, inode] = inodes.find(([path]) => path === entry.path) ?? [];
    const names = inodes.flatMap(([path, other]) => (other === inode ? [path] : []));
    return canonicalJson([entry, names.length > 1 ? names : []]);
  });
}

/** Of random layers, those that any engine can unpack. */
async function treeOf(place: StageBench, layers: readonly HandMade[][]): Promise<ImageTree | undefined> {
  try {
    const { layers: stage } = await place.solve({ it: { base: await place.image(...layers) } });
    return await place.tree(stage);
  } catch (error) {
    if (error instanceof CambiumError && error.code.startsWith("LAYER_")) return undefined;
    throw error;
  }
}

const stacks = fc.array(randomLayer, { minLength: 1, maxLength: 2 });

test("a difference of any two trees, laid over the first, is the second", async () => {
  await using place = stageBench();
  let count = 0;
  await fc.assert(
    fc.asyncProperty(stacks, stacks, fc.boolean(), async (below, above, isOnTop) => {
      const [lower, upper] = [below, isOnTop ? [...below, ...above] : above];
      const want = await treeOf(place, upper);
      if (want === undefined || (await treeOf(place, lower)) === undefined) return;
      count += 1;
      const { layers, warnings } = await place.solve({
        lower: { base: await place.image(...lower) },
        upper: { base: await place.image(...upper) },
        diff: { base: { kind: "diff", lower: 0, upper: 1 } },
        again: { base: { kind: "stage", stage: 0 }, steps: [merge(2)] },
      });
      expect(saidBy(await place.tree(layers))).toEqual(saidBy(want));
      expect(warnings).toEqual([]);
      await assertListedAsWritten(place, layers);
    }),
    {
      numRuns: 200,
      // A directory in the place of a link: the difference means it.
      examples: [
        [
          [
            [
              { path: "a", directory: true, mode: 0o755 },
              { path: "l", link: "a" },
            ],
          ],
          [
            [
              { path: "l/x", file: "" },
              { path: "a/x", file: "" },
            ],
          ],
          false,
        ],
      ],
    },
  );
  // About 50 of 200 random pairs can be unpacked.
  expect(count).toBeGreaterThan(20);
});

test("whatever meets whatever comes to a tree that both sides explain, and warnings name the rest", async () => {
  await using place = stageBench();
  let count = 0;
  await fc.assert(
    fc.asyncProperty(stacks, stacks, async (below, above) => {
      const trees = [await treeOf(place, below), await treeOf(place, above)];
      if (trees[0] === undefined || trees[1] === undefined) return;
      count += 1;
      const { layers, warnings } = await place.solve({
        below: { base: await place.image(...below) },
        above: { base: await place.image(...above) },
        both: { base: { kind: "stage", stage: 0 }, steps: [merge(1)] },
      });
      const both = await place.tree(layers);
      const isTold = (path: string) =>
        warnings.some((text) => `${path}/`.startsWith(`${/: \/(\S+) /.exec(text)?.[1]}/`));
      // What the later tree has is there, a directory perhaps behind a link.
      for (const entry of trees[1].entries()) {
        const found = both.entry(entry.path);
        // A link that leads to itself can be replaced by what is to go through it.
        if (found === undefined && isTold(entry.path)) continue;
        // Behind a link of the tree below, two paths can be one: the last of them stays.
        const isShared = [...trees[1].entries()].some(
          ({ path }) => path !== entry.path && both.entry(path)?.path === found?.path,
        );
        if (isShared && isTold(found?.path ?? "")) continue;
        expect(found, entry.path).toMatchObject(
          entry.type === "directory" ? { type: /directory|symlink/ } : { ...entry, path: found?.path },
        );
      }
      // What the lower tree had and is no more as it was: the later layers delete, or a warning says so.
      const deletes = above.flat().some(({ path }) => /(?:^|\/)\.wh\./.test(path));
      for (const entry of deletes ? [] : trees[0].entries()) {
        const found = both.entry(entry.path);
        if (entry.type === "directory" || canonicalJson(found ?? null) === canonicalJson(entry)) continue;
        expect(isTold(entry.path), entry.path).toBe(true);
      }
      await assertListedAsWritten(place, layers);
    }),
    {
      numRuns: 200,
      examples: [
        [
          [[{ path: "l", link: "a" }]],
          [
            [
              { path: "l/z", file: "" },
              { path: "a/z", file: "x" },
            ],
          ],
        ],
      ],
    },
  );
  // About 50 of 200 random pairs can be unpacked.
  expect(count).toBeGreaterThan(20);
});

/** What the store knows of composed layers is what reading their bytes gives. */
async function assertListedAsWritten(
  place: StageBench,
  layers: Parameters<typeof recordsOf>[0],
): Promise<void> {
  const known = await layerListings(recordsOf(layers), NOTHING_WANTED, "test", place.bench);
  expect(known.map(({ contents: _, ...rest }) => rest)).toEqual(
    (await place.listings(layers)).map(({ contents: _, ...rest }) => rest),
  );
}
