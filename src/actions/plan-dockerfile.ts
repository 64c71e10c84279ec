import { basename } from "node:path";
import { createEngine } from "../engine/embedded/engine.ts";
import type { StageBase, StageGraph } from "../graph/stages.ts";
import { familiarReference, parseReference } from "../image/reference.ts";
import { machinePlatform, type Platform } from "../platform.ts";
import { pinnedGraph } from "../solve/sources/pinned-sources.ts";
import { planStages } from "../solve/steps/stage-planner.ts";
import type { Workbench } from "../solve/workbench.ts";
import { pinsFor, readStages, stageSettings } from "./read-stages.ts";
import type { PlannedImage, PlanResult } from "./results.ts";
import { NO_DOCKERFILE_SETTINGS, type PlanSettings, type StagesSettings } from "./settings.ts";

/** Which steps of a Dockerfile a build would find known and which it would run. Runs none. */
export async function planDockerfile(
  file: string,
  plain: PlanSettings,
  bench: Workbench,
): Promise<PlanResult> {
  const settings = { ...plain, dockerfile: plain.dockerfile ?? NO_DOCKERFILE_SETTINGS };
  const platforms = settings.platforms.length > 0 ? settings.platforms : [machinePlatform()];
  const images: PlannedImage[] = [];
  for (const platform of platforms) images.push(await planImage(file, platform, settings, bench));
  const [first] = images;
  return { source: basename(file), base: first?.stages?.at(0)?.base ?? "scratch", images };
}

async function planImage(
  file: string,
  platform: Platform,
  settings: StagesSettings,
  bench: Workbench,
): Promise<PlannedImage> {
  const pins = await pinsFor(settings, bench);
  const { graph: open, unneeded } = await readStages(file, platform, settings, pins, bench);
  const graph = pinnedGraph(open, pins);
  const engine = createEngine({ store: bench.store, searchPath: settings.env.PATH ?? "" });
  try {
    const states = await planStages(graph, stageSettings(file, settings), engine, bench);
    const stages = graph.stages.map(({ name, base, steps }, index) => ({
      name,
      base: baseName(base, graph),
      steps: steps.map(({ line, text }, at) => ({ line, text, state: states[index]![at]! })),
    }));
    return { platform, stages, unneededStages: unneeded, layers: [], downloadBytes: 0 };
  } finally {
    engine.close();
  }
}

function baseName(base: StageBase, { stages }: StageGraph): string {
  switch (base.kind) {
    case "image":
      return base.reference.includes("://")
        ? base.reference
        : familiarReference(parseReference(base.reference, "FROM"));
    case "stage":
      return `stage ${stages[base.stage]!.name}`;
    case "context":
      return `build context ${base.name}`;
    case "packages":
    case "diff":
    case "scratch":
      return base.kind;
  }
}
