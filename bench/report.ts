import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/paths.ts";
import { table } from "../scripts/table.ts";
import { benchCache } from "./folders.ts";
import { type BenchResult, type Figure, seconds } from "./result.ts";

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

/** Writes docs/benchmarks.md anew from what is stored; no row is left out. */
export function writeReport(order: readonly string[]): void {
  writeFileSync(join(root, "docs", "benchmarks.md"), reportOf(storedResults(order)));
}

/** The page: how to repeat it and what to beware of, then every figure, then every time that was measured. */
export function reportOf(results: readonly StoredResult[]): string {
  const figures = results.flatMap((result) => result.figures);
  return [head(results), `## Figures\n\n${figureTable(figures)}\n`, ...results.map(section)].join("\n");
}

function head(results: readonly StoredResult[]): string {
  const machines = [...new Set(results.map(({ machine }) => machine))];
  const versions = [...new Set(results.flatMap((result) => result.versions))];
  return `# Benchmarks

Made by \`npm run bench\`; do not edit.

## How to repeat

    npm ci && npm run build
    npm run bench                 # all of it: about an hour and 20 GB of disk
    npm run bench cold add-one    # some of it: ${results.map(({ name }) => name).join(", ")}

The first run downloads the wheels (about 5 GB) with pip into \`.cache/bench\` and keeps them. It needs Python 3.11, unzip
and taskset, and package and Debian mirrors that pip and apt of this machine know. Raw numbers are in \`.cache/bench/results\`.

## Caveats

- Whole commands are timed, from \`spawn\` to the end of the process, in turns within one run (a, b, a, b, …), so that a
  machine that slows down slows both sides. Medians; beside each ratio the least and the most of single rounds. Between
  two runs \`sync\` empties the disk's queue. One round before the first is not counted, unless said.
- The index is a Node process on the same cores, which costs both sides. The Debian mirror is another, and caches.
- Cambium checks every digest and syncs every blob to disk; pip, tar, gzip and unzip do neither.
- Neither side makes bytecode, so time to first import is the same on both sides and not shown.
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
  const rows = measurements.map((it) => [
    it.name,
    seconds(it.medianMs),
    it.timesMs.map((ms) => (ms / 1000).toFixed(ms < 10_000 ? 3 : 1)).join(" "),
    it.peakRssBytes.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(" ") || "–",
  ]);
  const arms = table(["arm", "median", "every round, s", "peak RSS, MiB"], rows);
  return `## ${title}\n\n${notes.join("\n\n")}\n\n${arms}\n\nAgain: \`npm run bench ${name}\`.\n`;
}
