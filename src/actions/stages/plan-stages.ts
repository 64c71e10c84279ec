import { VENV } from "../../ecosystems/python/wheel/scheme.ts";
import type { StepFacts } from "../../explain/build-trace.ts";
import { type DefinedStage, neededStages } from "../../graph/defined-stages.ts";
import type { Platform } from "../../platform.ts";
import { stageGraph } from "../../solve/steps/defined-graph.ts";
import type { PlannedStack } from "../../solve/steps/stage-planner.ts";
import { createdAt } from "../created-at.ts";
import { plannedCauses } from "../explain/planned-causes.ts";
import { knownPackages, stackFacts, stackKey } from "../packages/package-stack.ts";
import { baseName, type PlannedPackages, planPackages } from "../packages/plan-packages.ts";
import type { Project } from "../project.ts";
import type { PlannedImage, PlanResult } from "../results.ts";
import type { Session } from "../session.ts";
import type { StagesSettings } from "../settings.ts";
import { forgottenIn, forgottenNames, inheritedSettings, stageSettings } from "./build-stages.ts";
import { plannedStages } from "./planned-stages.ts";
import { type PreparedStages, prepareStages, stageBench, stagesOf, targetOf } from "./prepare-stages.ts";

/**
 * The packages that the image stands on, and the steps of every stage that it needs, as a build would find them. Runs
 * none, and composes no packages.
 */
export async function planProjectStages(
  project: Project,
  settings: StagesSettings,
  session: Session,
  source: string,
): Promise<PlanResult> {
  const { stages } = stagesOf(project);
  const target = targetOf(stagesOf(project), settings.dockerfile.target);
  // Names that are not there are told before any work.
  forgottenNames(project, settings);
  const needed = neededStages(stagesOf(project), target);
  const prepared = await prepareStages(settings, project, needed, session);
  const images: PlannedImage[] = [];
  for (const platform of project.platforms) {
    images.push(await planImage(prepared, target, platform, project, settings, session, source));
  }
  const root = rootOf(stages, target);
  const definition = prepared.sets.get(root)?.definition;
  const base = definition === undefined ? stages[root]!.base.kind : baseName(definition.base);
  return { source: project.loaded.explanation, base, images };
}

async function planImage(
  prepared: PreparedStages,
  target: number,
  platform: Platform,
  project: Project,
  settings: StagesSettings,
  { bench }: Session,
  source: string,
): Promise<PlannedImage> {
  const { stages, sets, sources } = prepared;
  const planned = new Map<number, PlannedPackages>();
  const stacks = new Map<string, PlannedStack>();
  const noted = new Map<string, StepFacts>();
  for (const [index, locked] of sets) {
    const { definition, lock, choose, locateDebs } = locked;
    const its = stageBench(stages.stages[index]!, bench);
    const request = { definition, lock, platform, ...(await choose(platform)), locateDebs };
    const packages = await planPackages(request, [], its);
    planned.set(index, packages);
    // Those that were made before are known also where what they were made of is gone.
    const made = await knownPackages(locked, platform, createdAt(settings.sourceDateEpoch), its);
    const created = createdAt(settings.sourceDateEpoch);
    const facts = stackFacts(stackKey(locked, platform, created), locked, platform, created);
    noted.set(String(index), { ...facts, outcome: made === undefined ? "miss" : "hit" });
    const stack = made === undefined ? packages.stack : { stack: made, isComposed: true };
    if (stack !== undefined) stacks.set(String(index), stack);
  }
  const inherited = await inheritedSettings(prepared, platform, bench);
  const graph = stageGraph(stages, target, { platform, inherited, venv: `/${VENV}`, sources });
  for (const stage of graph.stages) {
    const facts = stage.base.kind === "packages" ? noted.get(stage.base.set) : undefined;
    if (facts !== undefined) bench.trace?.note(stage, facts);
  }
  const named = await plannedStages(
    { ...graph, forgotten: forgottenIn(graph, forgottenNames(project, settings)) },
    { ...stageSettings(project, settings), plannedPackages: (set) => stacks.get(set) },
    plannedCauses({ ...settings, tags: project.tags }, source),
    bench,
    (set) => baseName(sets.get(Number(set))!.definition.base),
  );
  const needed = new Set(neededStages(stages, target));
  return {
    platform,
    layers: planned.get(rootOf(stages.stages, target))?.image.layers ?? [],
    stages: named,
    unneededStages: stages.stages
      .filter(({ isImage }, index) => !isImage && !needed.has(index))
      .map(({ name }) => name),
    downloadBytes: [...planned.values()].reduce((sum, { image }) => sum + image.downloadBytes, 0),
  };
}

/** The stage whose base is none. */
function rootOf(stages: readonly DefinedStage[], index: number): number {
  const { base } = stages[index]!;
  return base.kind === "stage" ? rootOf(stages, base.stage) : index;
}
