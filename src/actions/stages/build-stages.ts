import { resolve } from "node:path";
import type { CambiumLock } from "../../ecosystems/cambium-lock.ts";
import { VENV } from "../../ecosystems/python/wheel/scheme.ts";
import { createEngine } from "../../engine/embedded/engine.ts";
import { neededStages } from "../../graph/defined-stages.ts";
import type { StageGraph } from "../../graph/stages.ts";
import type { BaseSettings } from "../../image/inherit.ts";
import type { Platform } from "../../platform.ts";
import { baseDocuments } from "../../solve/base-documents.ts";
import { stageGraph } from "../../solve/steps/defined-graph.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { type BuildNotes, buildNotes } from "../caches/build-notes.ts";
import { keepMountsBelow } from "../mounts.ts";
import { packageStack, stackKey } from "../packages/package-stack.ts";
import type { Project } from "../project.ts";
import type { RecordedStages } from "../records/recorded-stages.ts";
import type { ImageResult } from "../results.ts";
import type { Session } from "../session.ts";
import type { BuildSettings, StagesSettings } from "../settings.ts";
import { imageInStages, type StagePackages, type StagesRequest } from "./image-in-stages.ts";
import {
  lockOfStages,
  type PreparedStages,
  prepareStages,
  stageBench,
  stagesOf,
  targetOf,
} from "./prepare-stages.ts";
import { stepSettings } from "./step-settings.ts";

/**
 * The images of a project in stages, one per platform, in the store, with the lock of the stages that they needed.
 * @param notes gets what each came to, also where one fails
 * @throws CambiumError `STAGE_UNKNOWN`, `STEP_FAILED`, `ENGINE_MISSING`, and of whatever package or step fails.
 */
export async function stagedImages(
  project: Project,
  settings: BuildSettings,
  created: string,
  recorded: RecordedStages | undefined,
  notes: BuildNotes[],
  session: Session,
): Promise<{ readonly images: readonly ImageResult[]; readonly lock: CambiumLock }> {
  const { bench } = session;
  const target = targetOf(stagesOf(project), settings.dockerfile.target);
  const forgotten = forgottenNames(project, settings);
  const lent = stageSettings(project, settings);
  const needed = neededStages(stagesOf(project), target);
  const prepared = await prepareStages(settings, project, needed, session, { recorded: recorded?.lock() });
  const engine = createEngine({ store: bench.store, searchPath: settings.env.PATH ?? "" });
  try {
    const images: ImageResult[] = [];
    for (const platform of project.platforms) {
      const inherited = await inheritedSettings(prepared, platform, bench);
      const { sources, stages } = prepared;
      const open = stageGraph(stages, target, { platform, inherited, venv: `/${VENV}`, sources });
      const graph = { ...open, forgotten: forgottenIn(open, forgotten) };
      const packages = stagePackages(prepared, platform, created, bench);
      const its = buildNotes();
      notes.push(its);
      const request = { graph, platform, created, settings: lent, recorded, notes: its, packages };
      images.push(await imageInStages(request, settings, engine, bench));
    }
    return { images, lock: lockOfStages(prepared) };
  } finally {
    await keepMountsBelow(settings.dockerfile.maxMountBytes, engine, bench);
    engine.close();
  }
}

function stagePackages(
  { stages, sets }: PreparedStages,
  platform: Platform,
  created: string,
  bench: Workbench,
): StagePackages {
  const locked = (set: string) => sets.get(Number(set))!;
  return {
    keyOf: (set) => stackKey(locked(set), platform, created),
    describe: (set) => ({ stage: stages.stages[Number(set)]!.name, base: locked(set).lock.base }),
    stackOf: (set, acceptsListed, note) => {
      const its = stageBench(stages.stages[Number(set)]!, bench);
      return packageStack(locked(set), { platform, created, acceptsListed, note }, its);
    },
  };
}

/** What images of registries hand down, by the number of the stage that stands on one. */
export async function inheritedSettings(
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

/** `--no-cache=STAGE`. @throws CambiumError `STAGE_UNKNOWN`. */
export function forgottenNames(
  project: Project,
  { noCache }: Pick<StagesSettings, "noCache">,
): readonly string[] {
  const names = typeof noCache === "object" ? noCache : [];
  for (const name of names) targetOf(stagesOf(project), name, "--no-cache");
  return names;
}

export function forgottenIn({ stages }: StageGraph, names: readonly string[]): number[] {
  return stages.flatMap(({ name }, index) => (names.includes(name) ? [index] : []));
}

export function stageSettings(
  { debianMirror, loaded, tags }: Project,
  settings: StagesSettings,
): StagesRequest["settings"] {
  const { root, ...walk } = loaded.context;
  const named = settings.tags ?? [];
  const { ca } = loaded.settings;
  const ofProject = {
    dockerfile: { ...(ca !== undefined && { caBundle: resolve(root, ca) }), ...settings.dockerfile },
    ...(debianMirror !== undefined && { debianMirror }),
    tags: named.length > 0 ? named : tags,
  };
  return { context: { root, walk }, contexts: new Map(), ...stepSettings({ ...settings, ...ofProject }) };
}
