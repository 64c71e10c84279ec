import type { BuildFacts, BuildList, ExplainedStep, ExplainResult, StepCause } from "../actions/results.ts";
import { formatAgo, formatCount, formatDuration, shortDigest } from "../report/format.ts";
import { clip, printable } from "../report/printable.ts";
import type { Style } from "../report/style.ts";

const TEXT_CELLS = 90;
/** Where the words of a step begin. */
const INDENT = " ".repeat(25);

/** One line per build, newest first. */
export function buildListLines({ builds }: BuildList, now: number, style: Style): string[] {
  if (builds.length === 0) return ["no build is kept here"];
  return builds.map((build) => buildLine(build, now, style));
}

/** A build as people read it: each step, what it cost or saved, and below a miss its cause. */
export function explainLines(result: ExplainResult, now: number, style: Style): string[] {
  const { build, images, mostExpensiveMiss: miss } = result;
  const others = comparedBuilds(result);
  // One build that all were compared with is told once.
  const single = others.size === 1;
  const steps = images.flatMap(({ stages }) => stages.flatMap((stage) => stage.steps));
  const hits = steps.filter(({ outcome }) => outcome === "hit");
  const saved = hits.reduce((sum, { made }) => sum + (made?.tookMs ?? 0), 0);
  const missed = steps.filter(({ outcome }) => outcome !== "hit");
  const cost = missed.reduce((sum, { tookMs }) => sum + tookMs, 0);
  return [
    buildLine(build, now, style),
    ...(single ? [...others.values()].map((one) => `compared with ${comparedText(one, now)}`) : []),
    ...images.flatMap(({ platform, stages }) => [
      "",
      style.bold(printable(platform)),
      ...(stages.length === 0 ? ["  known as a whole, from the record beside an image"] : []),
      ...stages.flatMap(({ name, steps: its }) =>
        its.length === 0
          ? []
          : [
              `  ${printable(name)}`,
              ...its.flatMap((step) => stepLines(step, build, single ? undefined : now, style)),
            ],
      ),
    ]),
    "",
    `${formatCount(steps.length, "step")}: ${formatCount(hits.length, "hit")} saved ${formatDuration(saved)}, ` +
      `${formatCount(missed.length, "miss", "misses")} took ${formatDuration(cost)}`,
    ...(miss === undefined
      ? []
      : [
          `most expensive miss: ${clip(printable(miss.text), TEXT_CELLS)} (${formatDuration(miss.elapsedMs)}): ` +
            printable(miss.cause),
        ]),
  ];
}

function buildLine(
  { id, source, target, startedMs, tookMs, outcome, digest }: BuildFacts,
  now: number,
  style: Style,
) {
  const what = target === undefined ? source : `${source} --target ${target}`;
  const result = outcome === "built" ? (digest === undefined ? "" : shortDigest(digest)) : style.red(outcome);
  const facts = [printable(what), `${formatAgo(now - startedMs)} ago`, formatDuration(tookMs), result];
  return `${style.bold(id)}  ${facts.join("  ")}`.trimEnd();
}

type Compared = NonNullable<StepCause["comparedWith"]>;

function comparedBuilds({ images }: ExplainResult): Map<string, Compared> {
  const steps = images.flatMap(({ stages }) => stages.flatMap((stage) => stage.steps));
  const found = steps.flatMap(({ cause }) => cause?.comparedWith ?? []);
  return new Map(found.map((one) => [`${one.where ?? ""} ${one.id}`, one]));
}

function comparedText({ id, startedMs, where }: Compared, now: number): string {
  return `${printable(id)}${where === undefined ? "" : ` of ${printable(where)}`}, ${formatAgo(now - startedMs)} ago`;
}

/** @param now absent: which build it was compared with is told already */
function stepLines(step: ExplainedStep, build: BuildFacts, now: number | undefined, style: Style): string[] {
  const { line, where, text, outcome, tookMs, cause } = step;
  const colours = { hit: style.dim, miss: style.green, failed: style.red, stopped: style.yellow };
  const time = outcome === "hit" ? "" : formatDuration(tookMs);
  const place = line === 0 ? (where ?? "") : String(line);
  const words = clip(printable(text), TEXT_CELLS);
  const head = `  ${place.padStart(5)}  ${colours[outcome](outcome.padEnd(7))} ${time.padStart(9)} ${words}`;
  const facts = outcome === "hit" ? hitText(step, build) : "";
  return [
    facts === "" ? head : `${head}  ${style.dim(facts)}`,
    ...(cause === undefined ? [] : causeLines(cause, now, style)),
  ];
}

/** `here 2h before, saved 41 s`. */
function hitText({ made }: ExplainedStep, { startedMs }: BuildFacts): string {
  if (made === undefined) return "";
  const { atMs, tookMs, where } = made;
  const age = atMs === undefined ? "" : `${formatAgo(startedMs - atMs)} old`;
  const saved = tookMs === undefined ? "" : `saved ${formatDuration(tookMs)}`;
  const place = where === undefined ? "" : `from ${printable(where)}`;
  return [place, age, saved].filter((part) => part !== "").join(", ");
}

function causeLines(
  { text, differences, comparedWith }: StepCause,
  now: number | undefined,
  style: Style,
): string[] {
  const isTold = comparedWith === undefined || now === undefined;
  const build = isTold ? "" : style.dim(`  (against ${comparedText(comparedWith, now)})`);
  return [
    `${INDENT}${style.yellow(printable(text))}${build}`,
    ...(differences.length < 2 ? [] : differences.map((one) => `${INDENT}  ${printable(one.text)}`)),
  ];
}
