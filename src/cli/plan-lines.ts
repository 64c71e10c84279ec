import type {
  PlannedImage,
  PlannedLayer,
  PlannedStage,
  PlannedStep,
  PlanResult,
} from "../actions/results.ts";
import { formatPlatform } from "../platform.ts";
import { formatBytes, formatCount } from "../report/format.ts";
import { pad, printable } from "../report/printable.ts";
import type { Style } from "../report/style.ts";
import { packageLines } from "./package-lines.ts";

/** A plan as people read it: what it is made from, then each image from the lowest layer up. */
export function planLines(plan: PlanResult, style: Style): string[] {
  return [
    `from  ${printable(plan.source)}`,
    `base  ${printable(plan.base)}`,
    ...plan.images.flatMap((image) => [
      "",
      style.bold(formatPlatform(image.platform)),
      ...(image.layers.length === 0 ? [] : layersPlanLines(image, style)),
      ...(image.cause === undefined ? [] : [`  not known as a whole: ${printable(image.cause)}`]),
      ...(image.stages === undefined ? [] : stagePlanLines(image, image.stages, style)),
    ]),
  ];
}

function stagePlanLines(image: PlannedImage, stages: readonly PlannedStage[], style: Style): string[] {
  const steps = stages.flatMap((stage) => stage.steps);
  const count = (state: PlannedStep["state"]) => steps.filter((step) => step.state === state).length;
  const unneeded = image.unneededStages ?? [];
  return [
    ...stages.flatMap((stage) => [
      `  ${printable(stage.name)} from ${printable(stage.base)}${whyText(stage.cause, style)}`,
      ...stage.steps.map((step) => stepPlanLine(step, style)),
    ]),
    ...(unneeded.length === 0 ? [] : [`  not needed: ${unneeded.map((name) => printable(name)).join(", ")}`]),
    `  ${formatCount(steps.length, "step")}: ${count("hit")} hit, ${count("miss")} miss, ${count("open")} open`,
  ];
}

function stepPlanLine({ line, text, state, cause }: PlannedStep, style: Style): string {
  const colours = { hit: style.dim, miss: style.green, open: style.yellow };
  const head = `  ${String(line).padStart(5)}  ${colours[state](state.padEnd(4))}  ${printable(text)}`;
  return `${head}${whyText(cause, style)}`;
}

function whyText(cause: string | undefined, style: Style): string {
  return cause === undefined ? "" : style.dim(`  (${printable(cause)})`);
}

function layersPlanLines(image: PlannedImage, style: Style): string[] {
  const reused = image.layers.filter((layer) => layer.isReused).length;
  const total = image.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
  const layers = formatCount(image.layers.length, "layer");
  const download = image.downloadBytes === 0 ? "nothing" : formatBytes(image.downloadBytes);
  return [
    ...image.layers.flatMap((layer, at) => layerPlanLines(layer, at, style)),
    `  ${layers}, ${formatBytes(total)}: ${reused} reused, ${image.layers.length - reused} new; ${download} to download`,
  ];
}

function layerPlanLines(layer: PlannedLayer, at: number, style: Style): string[] {
  const state = layer.isReused ? style.dim("reused") : style.green("new   ");
  // Without a digest the size is that of the archives.
  const size = `${layer.digest === undefined ? "~" : ""}${formatBytes(layer.sizeBytes)}`.padStart(9);
  const name = pad(printable(layer.name), 40);
  const head = `  ${String(at + 1).padStart(3)}  ${state} ${name} ${style.dim(printable(layer.grouping).padEnd(8))} ${size}`;
  return [head, ...packageLines(layer.packages, style)];
}
