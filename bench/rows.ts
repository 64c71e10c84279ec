import type { Bound } from "./comparison.ts";
import { requirementsH, requirementsS, setH, setS, type WheelSet } from "./wheel-sets.ts";

/** What is built in a table against BuildKit, and how often the peers do it. */
export type ComparedSet = {
  readonly name: "S" | "H" | "S with bytecode";
  readonly wheels: WheelSet;
  readonly requirements: readonly string[];
  /** A program that first imports the set. */
  readonly imports: string;
  /** A peer takes minutes for H. */
  readonly peerRounds: number;
};

/**
 * Rows that start from the same state. The peers know no locks and take one measurement for all of them; Cambium takes
 * one for each.
 */
export type RowGroup = {
  readonly set: ComparedSet;
  /** Of its bench. */
  readonly name: string;
  /** The base that the timed build is on; what was built before is on `base:1`. */
  readonly base: "base:1" | "base:2";
  /** The machine has built the project before; else it is fresh, and only the registry knows. */
  readonly isWarm: boolean;
  /** Somebody has built it. */
  readonly isBuilt: boolean;
  /** What the peers add. */
  readonly added?: string;
  readonly rows: readonly Row[];
  /** All sides compile what they install. */
  readonly hasBytecode?: true;
  /** The first import of its images is timed as well; once for each set is enough. */
  readonly timesImport?: true;
};

export type Row = {
  readonly name: string;
  readonly added?: string;
  /** `cambium.lock` was written elsewhere for what is built, before the clock starts. */
  readonly isLocked?: true;
  readonly bounds: readonly Bound[];
};

const s: ComparedSet = {
  name: "S",
  wheels: setS,
  requirements: requirementsS,
  imports: "import numpy, pandas, scipy, sklearn, requests",
  peerRounds: 3,
};
const sCompiled: ComparedSet = { ...s, name: "S with bytecode" };
const h: ComparedSet = {
  name: "H",
  wheels: setH,
  requirements: requirementsH,
  imports: "import torch, tensorflow, transformers, numpy, pandas",
  peerRounds: 1,
};

const six = "six==1.17.0";
const colorama = "colorama==0.4.6";
const cold = { base: "base:1", isWarm: false, isBuilt: false, timesImport: true } as const;
const warm = { base: "base:1", isWarm: true, isBuilt: true } as const;
const fresh = { base: "base:1", isWarm: false, isBuilt: true } as const;

/** Rows and bounds of DESIGN §7, in its order; those on a peer's time are the issue's. */
export const rowGroups: readonly RowGroup[] = [
  { ...cold, set: s, name: "registry-s-cold", rows: [{ name: "S cold", bounds: [atMost(5000)] }] },
  { ...warm, set: s, name: "registry-s-no-op", rows: [{ name: "S no-op", bounds: [atMost(150)] }] },
  {
    ...warm,
    set: s,
    name: "registry-s-six",
    added: six,
    rows: bothWays("S + six", six, [atMost(500)], [atMost(1200)]),
  },
  {
    ...warm,
    set: s,
    name: "registry-s-other-base",
    base: "base:2",
    rows: [{ name: "S other base", bounds: [atMost(300), { kind: "faster", peer: "uv", atLeast: 20 }] }],
  },
  {
    ...fresh,
    set: s,
    name: "registry-s-fresh",
    rows: [{ name: "S fresh machine", bounds: [atMost(300), { kind: "slower", peer: "uv", atMostMs: 150 }] }],
  },
  {
    ...fresh,
    set: s,
    name: "registry-s-fresh-six",
    added: six,
    rows: bothWays(
      "S fresh machine + six",
      six,
      [atMost(800), { kind: "faster", peer: "uv", atLeast: 8 }],
      [atMost(1300), { kind: "faster", peer: "uv", atLeast: 8 }],
    ),
  },
  {
    ...cold,
    set: sCompiled,
    name: "registry-s-bytecode",
    hasBytecode: true,
    rows: [{ name: "S cold, with bytecode", bounds: [{ kind: "import", peer: "pip", atMostTimes: 1.1 }] }],
  },
  { ...cold, set: h, name: "registry-h-cold", rows: [{ name: "H cold", bounds: [atMost(75_000)] }] },
  {
    ...warm,
    set: h,
    name: "registry-h-six",
    added: six,
    rows: [
      ...bothWays(
        "H + six",
        six,
        [atMost(1000), { kind: "faster", peer: "pip", atLeast: 200 }],
        [atMost(2500)],
      ),
      // astunparse brings six into H already: these have a package to add.
      ...bothWays("H + colorama", colorama, [atMost(1000)], [atMost(2500)]),
    ],
  },
];

function atMost(atMostMs: number): Bound {
  return { kind: "time", atMostMs };
}

function bothWays(
  name: string,
  added: string,
  locked: readonly Bound[],
  unlocked: readonly Bound[],
): readonly Row[] {
  return [
    { name: `${name}, locked`, added, isLocked: true, bounds: locked },
    { name: `${name}, unlocked`, added, bounds: unlocked },
  ];
}
