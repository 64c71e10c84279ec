import type { Comparison } from "./comparison.ts";
import type { Measurement } from "./harness.ts";
import { ratio } from "./harness.ts";
import { kilobytes, megabytes, range, seconds } from "./spell.ts";

/** One claim and how it went. Texts are ready to print. */
export type Figure = {
  readonly claim: string;
  readonly measured: string;
  readonly bound: string;
  readonly spread: string;
  /** Absent: no bound was set, the number is for information. */
  readonly isMet?: boolean;
};

export type BenchResult = {
  readonly name: string;
  readonly title: string;
  /** What was compared, how often, with what in it; Markdown. */
  readonly notes: readonly string[];
  readonly figures: readonly Figure[];
  readonly measurements: readonly Measurement[];
  /** Rows of the table against BuildKit: they have a section of their own, all together. */
  readonly comparison?: Comparison;
};

/** A bench is a file of this folder that exports one. */
export type Bench = {
  readonly name: string;
  /** Tools besides those that all benches need; `root` is one too. */
  readonly needs?: readonly string[];
  readonly run: () => Promise<BenchResult>;
};

export function ratioFigure(claim: string, fast: Measurement, slow: Measurement, atLeast?: number): Figure {
  const { value, least, most } = ratio(fast, slow);
  return {
    claim,
    measured: `${value.toFixed(1)} ×`,
    spread: fast.timesMs.length < 2 ? "one run" : `${least.toFixed(1)}–${most.toFixed(1)} ×`,
    bound: atLeast === undefined ? "" : `≥ ${atLeast} ×`,
    ...(atLeast === undefined ? {} : { isMet: value >= atLeast }),
  };
}

export function timeFigure(claim: string, arm: Measurement, atMostMs?: number): Figure {
  return {
    claim,
    measured: seconds(arm.medianMs),
    spread: range(arm.timesMs, seconds),
    bound: atMostMs === undefined ? "" : `≤ ${seconds(atMostMs)}`,
    ...(atMostMs === undefined ? {} : { isMet: arm.medianMs <= atMostMs }),
  };
}

/** Our time as a share of a peer's; `atMost` of it. */
export function shareFigure(claim: string, own: Measurement, peer: Measurement, atMost?: number): Figure {
  const { value, least, most } = ratio(peer, own);
  return {
    claim,
    measured: `${value.toFixed(2)} ×`,
    spread: own.timesMs.length < 2 ? "one run" : `${least.toFixed(2)}–${most.toFixed(2)} ×`,
    bound: atMost === undefined ? "" : `≤ ${atMost} ×`,
    ...(atMost === undefined ? {} : { isMet: value <= atMost }),
  };
}

/** How much later than a peer we are done: ahead, or by so much at most. */
export function marginFigure(claim: string, own: Measurement, peer: Measurement, atMostMs: number): Figure {
  const margins = own.timesMs.map((ms, round) => ms - (peer.timesMs[round] ?? peer.medianMs));
  const margin = own.medianMs - peer.medianMs;
  const signed = (ms: number) => `${ms < 0 ? "−" : "+"}${seconds(Math.abs(ms))}`;
  return {
    claim: `${claim}: ${seconds(own.medianMs)} against ${seconds(peer.medianMs)}`,
    measured: signed(margin),
    spread: `${signed(Math.min(...margins))} to ${signed(Math.max(...margins))}`,
    bound: `≤ ${signed(atMostMs)}`,
    isMet: margin <= atMostMs,
  };
}

/** The most of all rounds counts: a bound on memory holds always or not at all. */
export function memoryFigure(claim: string, bytes: readonly number[], below: number): Figure {
  const most = Math.max(...bytes);
  return {
    claim,
    measured: megabytes(most),
    spread: range(bytes, megabytes),
    bound: `< ${megabytes(below)}`,
    isMet: most < below,
  };
}

export function sizeFigure(claim: string, bytes: number, below?: number): Figure {
  return {
    claim,
    measured: kilobytes(bytes),
    spread: "exact",
    bound: below === undefined ? "" : `< ${kilobytes(below)}`,
    ...(below === undefined ? {} : { isMet: bytes < below }),
  };
}
