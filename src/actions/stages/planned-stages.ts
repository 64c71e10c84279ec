import { createEngine } from "../../engine/embedded/engine.ts";
import type { StageBase, StageGraph } from "../../graph/stages.ts";
import { familiarReference, parseReference } from "../../image/reference.ts";
import { planStages, type StagePlanSettings } from "../../solve/steps/stage-planner.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { PlannedStage } from "../results.ts";

/**
 * The steps of each stage of a graph, as a build would find them. None runs.
 * @param packagesName a set of packages as a base, as a line to print
 */
export async function plannedStages(
  graph: StageGraph,
  settings: StagePlanSettings,
  bench: Workbench,
  packagesName: (set: string) => string = (set) => set,
): Promise<PlannedStage[]> {
  const engine = createEngine({ store: bench.store, searchPath: bench.env.PATH ?? "" });
  try {
    const plans = await planStages(graph, settings, engine, bench);
    return graph.stages.map(({ name, base, steps }, index) => ({
      name,
      base: base.kind === "packages" ? packagesName(base.set) : baseName(base, graph),
      steps: steps.map(({ line, text }, at) => ({ line, text, ...plans[index]![at]! })),
    }));
  } finally {
    engine.close();
  }
}

function baseName(base: Exclude<StageBase, { kind: "packages" }>, { stages }: StageGraph): string {
  switch (base.kind) {
    case "image":
      return base.reference.includes("://")
        ? base.reference
        : familiarReference(parseReference(base.reference, "FROM"));
    case "stage":
      return `stage ${stages[base.stage]!.name}`;
    case "context":
      return `build context ${base.name}`;
    case "diff":
    case "scratch":
      return base.kind;
  }
}
