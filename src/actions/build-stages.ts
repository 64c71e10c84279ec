import { resolve } from "node:path";
import { VENV } from "../ecosystems/python/wheel/scheme.ts";
import { createEngine } from "../engine/embedded/engine.ts";
import { neededStages } from "../graph/defined-stages.ts";
import type { StageGraph } from "../graph/stages.ts";
import type { BaseSettings } from "../image/inherit.ts";
import type { Platform } from "../platform.ts";
import { baseDocuments } from "../solve/base-documents.ts";
import { stageGraph } from "../solve/steps/defined-graph.ts";
import type { StackBase } from "../solve/steps/stage-layers.ts";
import { type StageSettings, solveStages } from "../solve/steps/stage-solver.ts";
import type { Workbench } from "../solve/workbench.ts";
import { keepMountsBelow } from "./mounts.ts";
import { type PackageStack, packageStack } from "./package-stack.ts";
import { type PreparedStages, prepareStages, stageBench, stagesOf, targetOf } from "./prepare-stages.ts";
import type { Project } from "./project.ts";
import type { ImageResult } from "./results.ts";
import type { Session } from "./session.ts";
import type { BuildSettings } from "./settings.ts";
import { keepImage } from "./stage-image.ts";
import { stepSettings } from "./step-settings.ts";

/**
 * The images of a project in stages, one per platform, in the store.
 * @throws CambiumError `STAGE_UNKNOWN`, `STEP_FAILED`, `ENGINE_MISSING`, and of whatever package or step fails.
 */
export async function stagedImages(
  project: Project,
  settings: BuildSettings,
  created: string,
  session: Session,
): Promise<ImageResult[]> {
  const { bench } = session;
  const target = targetOf(stagesOf(project), settings.dockerfile.target);
  const { noCache } = settings;
  const forgotten = typeof noCache === "object" ? noCache : [];
  for (const name of forgotten) targetOf(stagesOf(project), name);
  const lent = stageSettings(project, settings);
  const prepared = await prepareStages(settings, project, neededStages(stagesOf(project), target), session);
  const engine = createEngine({ store: bench.store, searchPath: settings.env.PATH ?? "" });
  try {
    const images: ImageResult[] = [];
    for (const platform of project.platforms) {
      const inherited = await inheritedSettings(prepared, platform, bench);
      const { sources, stages } = prepared;
      const graph = stageGraph(stages, target, { platform, inherited, venv: `/${VENV}`, sources });
      const stacks = new Set<PackageStack>();
      const packages = async (set: string): Promise<StackBase> => {
        const stage = stages.stages[Number(set)]!;
        const locked = prepared.sets.get(Number(set))!;
        const stack = await packageStack(locked, platform, created, stageBench(stage, bench));
        stacks.add(stack);
        return stack;
      };
      const solved = await solveStages(
        { ...graph, forgotten: forgottenIn(graph, forgotten) },
        { ...lent, packages },
        engine,
        bench,
      );
      const base = [...stacks].find((stack) => stack === solved.base);
      const annotations = base?.annotations;
      images.push(
        keepImage(
          {
            ...{ graph, solved, platform, created },
            ...(base !== undefined && { base: base.results }),
            ...(annotations !== undefined && { annotations }),
          },
          bench,
        ),
      );
    }
    return images;
  } finally {
    await keepMountsBelow(settings.dockerfile.maxMountBytes, engine, bench);
    engine.close();
  }
}

/** What images of registries hand down, by the number of the stage that stands on one. */
async function inheritedSettings(
  { sets }: PreparedStages,
  platform: Platform,
  bench: Workbench,
): Promise<Map<number, BaseSettings>> {
  const found = new Map<number, BaseSettings>();
  for (const [index, { lock }] of sets) {
    const digest = lock.base?.targets[platform.architecture]?.digest;
    if (lock.base === undefined || digest === undefined) continue;
    const { config } = await baseDocuments(lock.base.reference, digest, platform, bench);
    found.set(index, config.config);
  }
  return found;
}

function forgottenIn({ stages }: StageGraph, names: readonly string[]): number[] {
  return stages.flatMap(({ name }, index) => (names.includes(name) ? [index] : []));
}

function stageSettings({ debianMirror, loaded, tags }: Project, settings: BuildSettings): StageSettings {
  const { root, ...walk } = loaded.context;
  const { ca } = loaded.settings;
  const ofProject = {
    dockerfile: { ...(ca !== undefined && { caBundle: resolve(root, ca) }), ...settings.dockerfile },
    ...(debianMirror !== undefined && { debianMirror }),
    tags: settings.tags.length > 0 ? settings.tags : tags,
  };
  return { context: { root, walk }, contexts: new Map(), ...stepSettings({ ...settings, ...ofProject }) };
}
