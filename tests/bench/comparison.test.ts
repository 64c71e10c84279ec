import { expect, test } from "vitest";
import { chartOf } from "../../bench/chart.ts";
import {
  boundText,
  type ComparedRow,
  comparisonTable,
  importTable,
  isMet,
  type Sides,
} from "../../bench/comparison.ts";
import { type Measurement, measure, measurementOf, ratio } from "../../bench/harness.ts";
import { reportOf, type StoredResult } from "../../bench/report.ts";
import { rowGroups } from "../../bench/rows.ts";

function measured(name: string, ...timesMs: number[]): Measurement {
  return measurementOf(name, timesMs);
}

const cold: ComparedRow = {
  set: "S",
  name: "S cold",
  bounds: [{ kind: "time", atMostMs: 5000 }],
  sides: {
    own: measured("own", 3000, 2000, 4000),
    uv: measured("uv", 9000, 8000, 10_000),
    pip: measured("pip", 24_000, 20_000, 28_000),
  },
};
const bad: ComparedRow = {
  set: "H",
  name: "H cold",
  bounds: [
    { kind: "time", atMostMs: 300 },
    { kind: "faster", peer: "pip", atLeast: 200 },
  ],
  sides: {
    own: measured("own", 1000, 2000),
    uv: measured("uv", 90_000),
    pip: measured("pip", 330_000),
  },
};
const imports: Sides = {
  own: measured("own", 1000, 1100, 1200),
  pip: measured("pip", 1010, 1110, 1210),
  uv: measured("uv", 1020, 1120, 1220),
};

test("a ratio of paired rounds compares neighbours, of unequal ones all with all", () => {
  expect(ratio(cold.sides.own, cold.sides.uv)).toEqual({ value: 3, least: 2.5, most: 4 });
  expect(ratio(bad.sides.own, bad.sides.pip)).toEqual({ value: 220, least: 165, most: 330 });
});

test("an arm of few rounds sits out the rest, and is finished after each that it took part in", async () => {
  const seen: string[] = [];
  const arm = (name: string, rounds?: number) => ({
    name,
    ...(rounds === undefined ? {} : { rounds }),
    run: (round: number) => void seen.push(`${name}${round}`),
    finish: (round: number) => void seen.push(`${name}${round} finished`),
  });
  const [slow, fast] = await measure([arm("slow", 1), arm("fast")], { rounds: 2, warmsUp: false });
  expect(seen).toEqual([
    ...["fast1", "fast1 finished", "slow1", "slow1 finished"],
    ...["fast2", "fast2 finished"],
  ]);
  expect([slow?.timesMs.length, fast?.timesMs.length]).toEqual([1, 2]);
});

test("bounds hold up to their edge", () => {
  const sides = { own: measured("own", 500), uv: measured("uv", 4000), pip: measured("pip", 400) };
  const met = (bound: Parameters<typeof isMet>[0]) => [boundText(bound), isMet(bound, sides)];
  expect(met({ kind: "time", atMostMs: 500 })).toEqual(["≤ 0.500 s", true]);
  expect(met({ kind: "time", atMostMs: 499 })).toEqual(["≤ 0.499 s", false]);
  expect(met({ kind: "faster", peer: "uv", atLeast: 8 })).toEqual(["≥ 8 × uv", true]);
  expect(met({ kind: "faster", peer: "pip", atLeast: 8 })).toEqual(["≥ 8 × pip", false]);
  expect(met({ kind: "slower", peer: "pip", atMostMs: 100 })).toEqual(["≤ pip + 0.100 s", true]);
  expect(met({ kind: "slower", peer: "pip", atMostMs: 99 })).toEqual(["≤ pip + 0.099 s", false]);
  const import_ = { kind: "import", peer: "pip", atMostTimes: 1.1 } as const;
  expect([boundText(import_), isMet(import_, sides)]).toEqual(["import ≤ 1.1 × pip", false]);
  expect(isMet(import_, sides, { ...imports, own: measured("own", 1221) })).toBe(true);
  expect(isMet(import_, sides, { ...imports, own: measured("own", 1222) })).toBe(false);
});

test("the table shows spread, rounds, misses, imports of the set, and rows without numbers", () => {
  const noOp = { set: "S", name: "S no-op", bounds: [{ kind: "time", atMostMs: 150 }] } as const;
  const text = comparisonTable(
    [cold, noOp, bad],
    [
      { set: "S", rows: [{ name: cold.name, ...cold.sides }], imports },
      { set: "H", rows: [{ name: bad.name, ...bad.sides }] },
    ],
  );
  expect(cellsOf(text).slice(2)).toEqual([
    [
      "S cold",
      "24.0 s (20.0–28.0 s; 3)",
      "9.000 s (8.000–10.0 s; 3)",
      "3.000 s (2.000–4.000 s; 3)",
      "8.0 (7.0–10.0)",
      "3.0 (2.5–4.0)",
      "≤ 5.000 s",
      "met",
      "1.110 s / 1.120 s / 1.100 s",
    ],
    [
      "S no-op",
      ...["not measured", "not measured", "not measured"],
      ...["–", "–", "≤ 0.150 s", "–", "1.110 s / 1.120 s / 1.100 s"],
    ],
    [
      "H cold",
      "330.0 s (one run)",
      "90.0 s (one run)",
      "1.500 s (1.000–2.000 s; 2)",
      "220 (165–330)",
      "60.0 (45.0–90.0)",
      "≤ 0.300 s; ≥ 200 × pip",
      "**MISSED**; met",
      "not measured",
    ],
  ]);
});

test("the imports have their spread", () => {
  expect(cellsOf(importTable([{ set: "S", rows: [], imports }]))[2]).toEqual([
    "S",
    "1.110 s (1.010–1.210 s; 3)",
    "1.120 s (1.020–1.220 s; 3)",
    "1.100 s (1.000–1.200 s; 3)",
  ]);
});

test("a chart has a group for each row, on whole decades around all that it draws", () => {
  const chart = chartOf([cold, { ...bad, name: "a < b" }]);
  expect(chartOf([cold, { ...bad, name: "a < b" }])).toBe(chart);
  expect(chart).toContain(">a &lt; b</text>");
  const decades = [...chart.matchAll(/text-anchor="middle">([^<]*)</g)].map(([, label]) => label);
  // The bound of 300 ms is drawn too.
  expect(decades).toEqual(["100 ms", "1 s", "10 s", "100 s", "1000 s"]);
  const bars = [...chart.matchAll(/<rect class="(\w+)" x="240" y="(?!12")[^"]*" width="([^"]*)"/g)];
  expect(bars.map(([, side]) => side)).toEqual(["pip", "uv", "own", "pip", "uv", "own"]);
  // 600 units are four decades: 24 s is 2.38 of them, 3 s 1.48.
  expect(bars.slice(0, 3).map(([, , width]) => width)).toEqual(["357.0", "293.1", "221.6"]);
  expect(chart.match(/bound missed/g)).toHaveLength(1);
  // One run has no spread to draw.
  expect(chart.match(/class="spread"/g)).toHaveLength(4);
});

test("a chart of equal times still has an axis", () => {
  const same = measured("same", 1000);
  const chart = chartOf([{ ...cold, bounds: [], sides: { own: same, pip: same, uv: same } }]);
  expect(chart).not.toMatch(/NaN|Infinity/);
});

test("groups of rows that were measured apart share one section, in the order of the design", () => {
  const result = (name: string, row: string): StoredResult => ({
    name,
    title: "Whole builds",
    notes: ["the same note"],
    figures: [],
    measurements: Object.values(cold.sides),
    comparison: { set: "S", rows: [{ name: row, ...cold.sides }] },
    machine: "a machine",
    versions: ["Python 3.11.7"],
  });
  const page = reportOf([result("registry-s-no-op", "S no-op"), result("registry-s-cold", "S cold")]);
  expect(page.match(/^## Whole builds$/gm)).toHaveLength(1);
  expect(page.match(/the same note/g)).toHaveLength(1);
  expect(page).toContain("(benchmarks.svg)");
  const names = page
    .split("\n")
    .flatMap((line) => /^\| ([SH] [^|]*?) +\|.*(?:met|MISSED\*\*|–) +\|/.exec(line)?.[1] ?? []);
  expect(names).toEqual(rowGroups.flatMap(({ rows }) => rows.map(({ name }) => name)));
  expect(reportOf([])).not.toContain("benchmarks.svg");
});

function cellsOf(markdown: string): string[][] {
  return markdown.split("\n").map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
