import { table } from "../scripts/table.ts";
import { type Measurement, ratio } from "./harness.ts";
import type { Peer } from "./peers.ts";
import { range, seconds } from "./spell.ts";

/** A bound on Cambium's median: by itself, or beside a peer's. */
export type Bound =
  | { readonly kind: "time"; readonly atMostMs: number }
  | { readonly kind: "faster"; readonly peer: Peer; readonly atLeast: number }
  | { readonly kind: "slower"; readonly peer: Peer; readonly atMostMs: number }
  /** First import, not the build. */
  | { readonly kind: "import"; readonly peer: Peer; readonly atMostTimes: number };

/** One thing measured on each side. */
export type Sides = { readonly own: Measurement } & Readonly<Record<Peer, Measurement>>;

/** Rows of one group as measured. */
export type Comparison = {
  readonly set: string;
  readonly rows: readonly (Sides & { readonly name: string })[];
  /** First imports in the images that the rows pushed; absent where another group has those of the set. */
  readonly imports?: Sides;
};

/** A row that the table must have, measured or not. */
export type ExpectedRow = { readonly set: string; readonly name: string; readonly bounds: readonly Bound[] };

/** A row that was measured. */
export type ComparedRow = ExpectedRow & {
  readonly sides: Sides;
  /** First imports in images of its set, where somebody timed them. */
  readonly imports?: Sides;
};

const names = ["pip", "uv", "own"] as const;
const missing = "not measured";

/** DESIGN §7's table: a line for each expected row, in that order. */
export function comparisonTable(
  expected: readonly ExpectedRow[],
  comparisons: readonly Comparison[],
): string {
  const compared = comparedRows(expected, comparisons);
  const lines = expected.map(({ set, name, bounds }) => {
    const found = compared.find((row) => row.name === name)?.sides;
    const imports = importsOf(set, comparisons);
    return [
      name,
      ...names.map((side) => (found === undefined ? missing : time(found[side]))),
      ...(found === undefined ? ["–", "–"] : [times(found.own, found.pip), times(found.own, found.uv)]),
      bounds.map(boundText).join("; "),
      found === undefined ? "–" : bounds.map((bound) => verdict(bound, found, imports)).join("; "),
      imports === undefined ? missing : names.map((side) => seconds(imports[side].medianMs)).join(" / "),
    ];
  });
  const head = [
    "row",
    "BuildKit + pip",
    "BuildKit + uv + cache mount",
    "Cambium",
    "× pip",
    "× uv",
    "bound",
    "verdict",
    "first import: pip / uv / Cambium",
  ];
  return table(head, lines);
}

/** The import times that the table repeats, with their spread. */
export function importTable(comparisons: readonly Comparison[]): string {
  const lines = comparisons.flatMap(({ set, imports }) =>
    imports === undefined ? [] : [[set, ...names.map((side) => time(imports[side]))]],
  );
  return table(["first import", "BuildKit + pip", "BuildKit + uv + cache mount", "Cambium"], lines);
}

/** Those of the expected rows that were measured, in that order. */
export function comparedRows(
  expected: readonly ExpectedRow[],
  comparisons: readonly Comparison[],
): ComparedRow[] {
  const measured = comparisons.flatMap(({ rows }) => rows);
  return expected.flatMap((row) => {
    const sides = measured.find(({ name }) => name === row.name);
    const imports = importsOf(row.set, comparisons);
    return sides === undefined ? [] : [{ ...row, sides, ...(imports !== undefined && { imports }) }];
  });
}

function importsOf(set: string, comparisons: readonly Comparison[]): Sides | undefined {
  return comparisons.find((one) => one.set === set && one.imports !== undefined)?.imports;
}

/** Median, and in brackets the fastest and slowest round with the number of rounds. */
function time({ medianMs, timesMs }: Measurement): string {
  if (timesMs.length < 2) return `${seconds(medianMs)} (one run)`;
  return `${seconds(medianMs)} (${range(timesMs, seconds)}; ${timesMs.length})`;
}

function times(own: Measurement, peer: Measurement): string {
  const { value, least, most } = ratio(own, peer);
  const isOne = own.timesMs.length < 2 && peer.timesMs.length < 2;
  return isOne ? factor(value) : `${factor(value)} (${factor(least)}–${factor(most)})`;
}

function factor(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0);
}

function verdict(bound: Bound, sides: Sides, imports: Sides | undefined): string {
  return isMet(bound, sides, imports) ? "met" : "**MISSED**";
}

/** `imports`: of the row's set; without, a bound on them is not met. */
export function isMet(bound: Bound, { own, ...peers }: Sides, imports?: Sides): boolean {
  switch (bound.kind) {
    case "time":
      return own.medianMs <= bound.atMostMs;
    case "faster":
      return peers[bound.peer].medianMs / own.medianMs >= bound.atLeast;
    case "slower":
      return own.medianMs - peers[bound.peer].medianMs <= bound.atMostMs;
    case "import":
      return (
        imports !== undefined && imports.own.medianMs <= bound.atMostTimes * imports[bound.peer].medianMs
      );
  }
}

export function boundText(bound: Bound): string {
  switch (bound.kind) {
    case "time":
      return `≤ ${seconds(bound.atMostMs)}`;
    case "faster":
      return `≥ ${bound.atLeast} × ${bound.peer}`;
    case "slower":
      return `≤ ${bound.peer} + ${seconds(bound.atMostMs)}`;
    case "import":
      return `import ≤ ${bound.atMostTimes} × ${bound.peer}`;
  }
}
