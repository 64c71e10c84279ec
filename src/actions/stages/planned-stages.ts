import { createEngine } from "../../engine/embedded/engine.ts";
import type { Stage, StageBase, StageGraph, Step } from "../../graph/stages.ts";
import { familiarReference, parseReference } from "../../image/reference.ts";
import { formatPlatform } from "../../platform.ts";
import { planStages, type StagePlanSettings } from "../../solve/steps/stage-planner.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { PlannedStage } from "../results.ts";

/** Gives the causes of what the plan noted; asked where something is not known. */
export type CausesOf = (bench: Workbench) => ((subject: Step | Stage) => string | undefined) | undefined;

/**
 * The steps of each stage of a graph, as a build would find them. None runs.
 * @param packagesName a set of packages as a base, as a line to print
 */
export async function plannedStages(
  graph: StageGraph,
  settings: StagePlanSettings,
  causesOf: CausesOf,
  bench: Workbench,
  packagesName: (set: string) => string = (set) => set,
): Promise<PlannedStage[]> {
  const engine = createEngine({ store: bench.store, searchPath: bench.env.PATH ?? "" });
  try {
    const [first] = graph.stages;
    bench.trace?.begin(graph, first === undefined ? "" : formatPlatform(first.platform));
    const plans = await planStages(graph, settings, engine, bench);
    const causes = causesOf(bench);
    return graph.stages.map((stage, index): PlannedStage => {
      const { name, base, steps } = stage;
      const cause = causes?.(stage);
      return {
        name,
        base: base.kind === "packages" ? packagesName(base.set) : baseName(base, graph),
        ...(cause !== undefined && { cause }),
        steps: steps.map((step, at) => {
          const { line, text } = step;
          const plan = plans[index]![at]!;
          const why = plan.state === "miss" ? causes?.(step) : undefined;
          return { line, text, ...plan, ...(why !== undefined && { cause: why }) };
        }),
      };
    });
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
