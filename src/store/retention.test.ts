import fc from "fast-check";
import { expect, test } from "vitest";
import { chooseToRemove, type Holding, rankedByNeed } from "./retention.ts";

type Named = Holding & { readonly id: string };

function holding(
  id: string,
  usedMs: number,
  mentions: readonly string[] = [],
  more: Partial<Named> = {},
): Named {
  return { id, names: [id], mentions, usedMs, sizeBytes: 10, ...more };
}

const chosen = (items: readonly Named[], limits: Partial<Parameters<typeof chooseToRemove>[1]>) =>
  chooseToRemove(items, { beforeMs: 100, roots: { named: [], whole: [] }, ...limits }).map(
    ({ item }) => item.id,
  );

test("what was needed last stays, by way of what needs it", () => {
  const items = [holding("wheel", 1), holding("image", 150, ["segment"]), holding("segment", 2, ["wheel"])];
  expect(chosen([...items, holding("other", 3)], {})).toEqual(["other"]);
});

test("the least recently needed goes first, no further than the size, and what needs before what is needed", () => {
  const items = [
    holding("a", 1),
    holding("b", 3),
    holding("record", 2, ["layer", "blob"]),
    holding("layer", 1, ["blob"]),
    holding("blob", 1),
  ];
  expect(chosen(items, {})).toEqual(["a", "record", "layer", "blob", "b"]);
  expect(chosen(items, { maxBytes: 30 })).toEqual(["a", "record"]);
  expect(chosen(items, { maxBytes: 50 })).toEqual([]);
});

test("a root stays with all that it needs, and names in a circle end", () => {
  const items = [holding("a", 1, ["b"]), holding("b", 1, ["a", "c"]), holding("c", 1), holding("d", 1)];
  expect(chosen(items, { roots: { named: ["a", "unknown"], whole: [] } })).toEqual(["d"]);
  expect(chosen(items, {}).sort()).toEqual(["a", "b", "c", "d"]);
});

test("a name keeps what an image is, and --keep-last what makes the next build of it fast", () => {
  const items = [
    holding("image", 1, ["layer"], { names: ["image"] }),
    holding("stages", 1, ["step"], { names: ["image"], isAid: true }),
    holding("step", 1),
    holding("layer", 1),
    holding("tree", 1, [], { names: ["layer"], isAid: true }),
  ];
  expect(chosen(items, { roots: { named: ["image"], whole: [] } }).sort()).toEqual([
    "stages",
    "step",
    "tree",
  ]);
  for (const named of [[], ["image"]])
    expect(chosen(items, { roots: { named, whole: ["image"] } })).toEqual([]);
});

test("what stays for a time of its own stays whatever the size, and then goes", () => {
  const items = [holding("lock", 50, [], { staysSinceMs: 40 }), holding("old", 30, [], { staysSinceMs: 40 })];
  expect(chosen(items, { maxBytes: 0 })).toEqual(["old"]);
});

test("wherever one stops, nothing that is left needs what went", () => {
  const item = fc.record({
    usedMs: fc.integer({ min: 0, max: 20 }),
    mentions: fc.array(fc.integer({ min: 0, max: 9 }).map(String), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(
      fc.array(item, { maxLength: 10 }),
      fc.array(fc.integer({ min: 0, max: 9 }).map(String)),
      (raw, roots) => {
        const items = raw.map(({ usedMs, mentions }, at) => holding(String(at), usedMs, mentions));
        const ranked = rankedByNeed(items, { named: [], whole: roots });
        expect(ranked.map(({ item: it }) => it.id).sort()).toEqual(items.map(({ id }) => id).sort());
        const gone = new Set<string>();
        for (const { item: it, neededMs } of ranked) {
          expect(neededMs).toBeGreaterThanOrEqual(it.usedMs);
          const users = items.filter(({ id, mentions }) => id !== it.id && mentions.includes(it.id));
          const left = users.filter(({ id }) => !gone.has(id));
          // Only a circle has one that is needed as long as what it needs.
          for (const user of left) expect(reaches(items, it.id, user.id)).toBe(true);
          gone.add(it.id);
        }
      },
    ),
  );
});

function reaches(items: readonly Named[], from: string, to: string): boolean {
  const seen = new Set([from]);
  for (const id of seen) for (const next of items.find((it) => it.id === id)?.mentions ?? []) seen.add(next);
  return seen.has(to);
}
