import { arch, cpus, release, totalmem } from "node:os";
import { formatBytes } from "../src/report/format.ts";
import type { Ran } from "./command.ts";
import { settleDisk } from "./folders.ts";

/** One way of doing the work that is compared. `prepare` brings the state that a run starts from and is not timed. */
export type Arm = {
  readonly name: string;
  readonly prepare?: (round: number) => Promise<void> | void;
  /** What the command came to, if memory is of interest. */
  readonly run: (round: number) => Promise<Ran | undefined> | Promise<void> | void;
  /** After a run, untimed: looks at what it left, and makes room for the next arm. */
  readonly finish?: (round: number) => Promise<void> | void;
  /** Takes part in so many rounds, if that is fewer than the others': for arms that take minutes. */
  readonly rounds?: number;
};

/** Of one arm: everything in the order of the rounds, and what is made of it. */
export type Measurement = {
  readonly name: string;
  readonly timesMs: readonly number[];
  readonly medianMs: number;
  /** Slowest less fastest, as a share of the median: how much a ratio may be trusted. */
  readonly spread: number;
  /** Of the process itself; empty where nobody looked. */
  readonly peakRssBytes: readonly number[];
  readonly peakTreeRssBytes: readonly number[];
};

const ROUNDS = 5;

export type MeasureOptions = {
  readonly rounds?: number;
  /** One round before the first is not counted: it fills caches that every arm shares. Default true. */
  readonly warmsUp?: boolean;
  /** Called before each run, untimed. */
  readonly settle?: () => Promise<void>;
  /** Told each time as it comes. */
  readonly say?: (line: string) => void;
};

/**
 * Times the arms in turns (a, b, a, b, …), so that a machine that slows down slows all of them; the order turns round
 * every second round.
 */
export async function measure(arms: readonly Arm[], options: MeasureOptions = {}): Promise<Measurement[]> {
  const rounds = options.rounds ?? ROUNDS;
  const first = options.warmsUp === false ? 1 : 0;
  const seen = new Map<Arm, { timesMs: number[]; ran: Ran[] }>(
    arms.map((arm) => [arm, { timesMs: [], ran: [] }]),
  );
  for (let round = first; round <= rounds; round++) {
    for (const arm of round % 2 === 0 ? arms : arms.toReversed()) {
      if (round > (arm.rounds ?? rounds)) continue;
      await arm.prepare?.(round);
      await options.settle?.();
      const startedMs = performance.now();
      const ran = await arm.run(round);
      const elapsedMs = performance.now() - startedMs;
      options.say?.(
        `${round === 0 ? "warm-up" : `round ${round}`} ${arm.name}: ${(elapsedMs / 1000).toFixed(3)} s`,
      );
      await arm.finish?.(round);
      if (round === 0) continue;
      seen.get(arm)?.timesMs.push(elapsedMs);
      if (ran !== undefined) seen.get(arm)?.ran.push(ran);
    }
  }
  return arms.map((arm) => {
    const { timesMs = [], ran = [] } = seen.get(arm) ?? {};
    return measurementOf(arm.name, timesMs, ran);
  });
}

/** Where set, no bench makes more rounds: to see whether it works. */
const mostRounds = Number(process.env.BENCH_ROUNDS ?? Number.POSITIVE_INFINITY);

/** `measure` for benches: on stderr as it goes, and each run begins with nothing left to be written to disk. */
export function measureCommands(arms: readonly Arm[], options: MeasureOptions = {}): Promise<Measurement[]> {
  const rounds = Math.min(options.rounds ?? ROUNDS, mostRounds);
  return measure(arms, { settle: settleDisk, say: (line) => console.error(`  ${line}`), ...options, rounds });
}

export function measurementOf(
  name: string,
  timesMs: readonly number[],
  ran: readonly Ran[] = [],
): Measurement {
  const medianMs = median(timesMs);
  const range = timesMs.length === 0 ? 0 : Math.max(...timesMs) - Math.min(...timesMs);
  return {
    name,
    timesMs: timesMs.map((ms) => Math.round(ms * 10) / 10),
    medianMs,
    spread: medianMs === 0 ? 0 : range / medianMs,
    peakRssBytes: ran.map((one) => one.peakRssBytes).filter((bytes) => bytes > 0),
    peakTreeRssBytes: ran.map((one) => one.peakTreeRssBytes).filter((bytes) => bytes > 0),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * How many times faster `fast` is: of the medians, and the least and most of single rounds, which ran side by side. Of
 * arms with unequal rounds, the least and most that any two runs come to.
 */
export function ratio(fast: Measurement, slow: Measurement): { value: number; least: number; most: number } {
  const isPaired = fast.timesMs.length === slow.timesMs.length;
  const each = fast.timesMs.flatMap((ms, round) =>
    (isPaired ? [slow.timesMs[round]!] : slow.timesMs).map((slowMs) => slowMs / ms),
  );
  return { value: slow.medianMs / fast.medianMs, least: Math.min(...each), most: Math.max(...each) };
}

/** What a table must say before its numbers mean anything. */
export function machineLine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? "unknown processor";
  return `${processors.length} × ${model} (${arch()}), ${formatBytes(totalmem())}, Linux ${release()}, Node ${process.versions.node}`;
}
