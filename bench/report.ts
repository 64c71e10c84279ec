import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/paths.ts";
import { table } from "../scripts/table.ts";
import { chartOf } from "./chart.ts";
import {
  type Comparison,
  comparedRows,
  comparisonTable,
  type ExpectedRow,
  importTable,
} from "./comparison.ts";
import { benchCache } from "./folders.ts";
import type { Measurement } from "./harness.ts";
import type { BenchResult, Figure } from "./result.ts";
import { rowGroups } from "./rows.ts";
import { seconds } from "./spell.ts";

/** A result with what it was measured on. */
export type StoredResult = BenchResult & { readonly machine: string; readonly versions: readonly string[] };

const folder = join(benchCache, "results");

/** Raw numbers, one JSON per bench; a bench that is run again replaces its own. */
export function storeResult(result: StoredResult): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${result.name}.json`), `${JSON.stringify(result, undefined, 1)}\n`);
}

function storedResults(order: readonly string[]): StoredResult[] {
  if (!existsSync(folder)) return [];
  const all = readdirSync(folder).map(
    (name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as StoredResult,
  );
  return all
    .filter(({ name }) => order.includes(name))
    .sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

/** Writes docs/benchmarks.md and its chart anew from what is stored; no row is left out. */
export function writeReport(order: readonly string[]): void {
  const results = storedResults(order);
  writeFileSync(join(root, "docs", "benchmarks.md"), reportOf(results));
  const rows = comparedRows(expectedRows, comparisonsOf(results));
  if (rows.length > 0) writeFileSync(join(root, "docs", chart), chartOf(rows));
}

const chart = "benchmarks.svg";

const expectedRows: readonly ExpectedRow[] = rowGroups.flatMap(({ set, rows }) =>
  rows.map(({ name, bounds }) => ({ set: set.name, name, bounds })),
);

function comparisonsOf(results: readonly StoredResult[]): Comparison[] {
  return results.flatMap(({ comparison }) => comparison ?? []);
}

/**
 * The page: how to repeat it and what to beware of, then the table against BuildKit, every figure, and every time that
 * was measured.
 */
export function reportOf(results: readonly StoredResult[]): string {
  const compared = results.filter(({ comparison }) => comparison !== undefined);
  const others = results.filter(({ comparison }) => comparison === undefined);
  const figures = results.flatMap((result) => result.figures);
  return [
    head(results),
    ...(compared.length === 0 ? [] : [comparisonSection(compared)]),
    `## Figures\n\n${figureTable(figures)}\n`,
    ...others.map(section),
  ].join("\n");
}

/** All groups of rows together, the ones that nobody has measured too. */
function comparisonSection(results: readonly StoredResult[]): string {
  const comparisons = comparisonsOf(results);
  const notes = [...new Set(results.flatMap((result) => result.notes))];
  return [
    `## ${results[0]!.title}`,
    "Medians; in brackets the fastest and the slowest round and how many rounds there were, and for ratios the least and the most that rounds come to.",
    comparisonTable(expectedRows, comparisons),
    `![The same times as bars on a logarithmic axis](${chart})`,
    ...notes,
    importTable(comparisons),
    armTable(results.flatMap(({ measurements }) => measurements)),
    "Again: `npm run bench registry`, `npm run bench registry-s` or `registry-h`, or one start alone: " +
      `${rowGroups.map(({ name }) => `\`${name}\``).join(", ")}.\n`,
  ].join("\n\n");
}

function head(results: readonly StoredResult[]): string {
  const machines = [...new Set(results.map(({ machine }) => machine))];
  // A name stands for all that begin with it.
  const names = [...new Set(results.map(({ name }) => name.replace(/^(registry|dockerfile)-.*/, "$1")))];
  const versions = [...new Set(results.flatMap((result) => result.versions))];
  return `# Benchmarks

Made by \`npm run bench\`; do not edit.

## How to repeat

    npm ci
    npm run bench                 # all of it: about three hours and 50 GB of disk
    npm run bench cold add-one    # some of it: ${names.join(", ")}

The first run downloads the wheels (about 5 GB) with pip into \`.cache/bench\` and keeps them, makes \`dist/\` if there is none
(\`npm run build\` makes it anew), and brings tools that are missing as \`npm run check\` does. It needs Python 3.11, unzip, for
\`transcode\` taskset, for \`registry\` and \`dockerfile\` root, BuildKit (made with Go 1.26), runc, docker-registry, skopeo and
umoci, and package and Debian mirrors that pip and apt of this machine know; one line says what could not be brought. Raw
numbers are in \`.cache/bench/results\`.

## Caveats

- Whole commands are timed, from \`spawn\` to the end of the process, in turns within one run (a, b, a, b, …), so that a
  machine that slows down slows both sides. Medians; beside each ratio the least and the most of single rounds. Between
  two runs \`sync\` empties the disk's queue. One round before the first is not counted, unless said.
- The index is a Node process on the same cores, which costs both sides. The Debian mirror is another, and caches.
- Cambium checks every digest and syncs every blob to disk; pip, tar, gzip and unzip do neither.
- Neither side makes bytecode, but in the row that says so both do. Time to first import stands beside every row that makes an image on both sides.
- Numbers of another machine cannot be compared with these; ratios can, with care.

Measured on ${machines.join("; ")}.
With ${versions.join(", ")}.
`;
}

function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ claim, measured, spread, bound, isMet }) => [
    claim,
    measured,
    spread,
    bound === "" ? "none" : bound,
    isMet === undefined ? "–" : isMet ? "met" : "**missed**",
  ]);
  return table(["figure", "measured", "spread", "bound", "verdict"], rows);
}

function section({ title, name, notes, measurements }: StoredResult): string {
  return `## ${title}\n\n${notes.join("\n\n")}\n\n${armTable(measurements)}\n\nAgain: \`npm run bench ${name}\`.\n`;
}

function armTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map((it) => [
    it.name,
    seconds(it.medianMs),
    it.timesMs.map((ms) => (ms / 1000).toFixed(ms < 10_000 ? 3 : 1)).join(" "),
    it.peakRssBytes.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(" ") || "–",
  ]);
  return table(["arm", "median", "every round, s", "peak RSS, MiB"], rows);
}
