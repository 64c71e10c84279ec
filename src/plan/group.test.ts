import fc from "fast-check";
import { expect, test } from "vitest";
import { DEFAULT_THRESHOLDS, groupPackages, PYTHON_BUDGET, type Weighed } from "./group.ts";

const MB = 1_000_000;
const packages = fc.uniqueArray(
  fc.record({
    key: fc.stringMatching(/^[a-z]{2,8}$/),
    sizeBytes: fc.oneof(fc.nat(MB), fc.nat(30 * MB), fc.nat(500 * MB)),
  }),
  { selector: (it) => it.key, maxLength: 120 },
);
const budgetOf = PYTHON_BUDGET.heavy + PYTHON_BUDGET.medium + PYTHON_BUDGET.small;
const group = (items: readonly Weighed[]) => groupPackages(items, PYTHON_BUDGET);
const shape = (items: readonly Weighed[]) =>
  group(items).map((it) => [it.name, it.members.map((member) => member.key)]);

test("every package is in exactly one layer, and the budget holds", () => {
  fc.assert(
    fc.property(packages, (items) => {
      const groups = group(items);
      expect(groups.flatMap((it) => it.members.map((member) => member.key)).sort()).toEqual(
        items.map((it) => it.key).sort(),
      );
      expect(groups.length).toBeLessThanOrEqual(budgetOf);
    }),
  );
});

test("the order of the packages leaves no trace", () => {
  fc.assert(
    fc.property(packages, fc.infiniteStream(fc.nat()), (items, random) => {
      const shuffled = items
        .map((item) => ({ item, by: random.next().value as number }))
        .sort((a, b) => a.by - b.by)
        .map((it) => it.item);
      expect(shape(shuffled)).toEqual(shape(items));
    }),
  );
});

test("what is over 32 MB stands alone, and a light package more leaves it so", () => {
  const heavy = [
    { key: "torch", sizeBytes: 900 * MB },
    { key: "numpy", sizeBytes: 60 * MB },
  ];
  const light = Array.from({ length: 40 }, (_, i) => ({ key: `light-${i}`, sizeBytes: (i % 12) * 400_000 }));
  const before = shape([...heavy, ...light]);
  expect(before.slice(0, 2)).toEqual([
    ["numpy", ["numpy"]],
    ["torch", ["torch"]],
  ]);
  const after = shape([...heavy, ...light, { key: "six", sizeBytes: 40_000 }]);
  const changed = after.filter((it) => !before.some((other) => JSON.stringify(other) === JSON.stringify(it)));
  expect(changed).toHaveLength(1);
  expect(changed[0]?.[0]).toMatch(/^small-/);
});

test("another version of a package stays in its bucket", () => {
  const items = Array.from({ length: 30 }, (_, i) => ({ key: `p${i}`, sizeBytes: 200_000 }));
  expect(shape(items.map((it) => (it.key === "p7" ? { ...it, sizeBytes: 250_000 } : it)))).toEqual(
    shape(items),
  );
});

test("a bucket holds at most 32 MB while another has room", () => {
  const items = Array.from({ length: 48 }, (_, i) => ({ key: `p${i}`, sizeBytes: 10 * MB }));
  const groups = group(items);
  expect(groups).toHaveLength(16);
  for (const { members } of groups) {
    expect(members.reduce((sum, it) => sum + it.sizeBytes, 0)).toBeLessThanOrEqual(
      DEFAULT_THRESHOLDS.heavyBytes,
    );
  }
});

test("more heavy packages than the budget: the heaviest stand alone", () => {
  const items = Array.from({ length: 30 }, (_, i) => ({ key: `p${i}`, sizeBytes: (40 + i) * MB }));
  const groups = group(items);
  expect(
    groups
      .slice(0, 24)
      .map((it) => it.members[0]?.sizeBytes)
      .sort(),
  ).toEqual(
    items
      .slice(6)
      .map((it) => it.sizeBytes)
      .sort(),
  );
  expect(groups.length).toBeLessThanOrEqual(budgetOf);
});

// A table of what the rule must answer for a real set, so that a change of the hash is seen.
test("layout 1: placement does not move", () => {
  expect(
    shape(
      ["requests", "urllib3", "idna", "certifi", "six", "joblib", "packaging"].map((key) => ({
        key,
        sizeBytes: 300_000,
      })),
    ),
  ).toMatchInlineSnapshot(`
    [
      [
        "small-0",
        [
          "idna",
        ],
      ],
      [
        "small-2",
        [
          "requests",
        ],
      ],
      [
        "small-4",
        [
          "urllib3",
        ],
      ],
      [
        "small-5",
        [
          "certifi",
          "joblib",
          "packaging",
          "six",
        ],
      ],
    ]
  `);
});
