import type { Engine } from "../../engine/embedded/engine.ts";
import type { StepFacts } from "../../explain/build-trace.ts";
import type { StageGraph } from "../../graph/stages.ts";
import type { Digest } from "../../layer/digest.ts";
import { formatPlatform, type Platform } from "../../platform.ts";
import { mountUses } from "../../solve/steps/cache-mounts.ts";
import type { StageLayers } from "../../solve/steps/stage-layers.ts";
import { type StageSettings, solveStages } from "../../solve/steps/stage-solver.ts";
import type { StepRecords } from "../../solve/steps/step-records.ts";
import type { Workbench } from "../../solve/workbench.ts";
import type { MountUse } from "../../store/mounts.ts";
import type { BuildNotes, PackagesNote } from "../caches/build-notes.ts";
import type { PackageStack } from "../packages/package-stack.ts";
import type { RecordedStages } from "../records/recorded-stages.ts";
import { imagesIn, layersToTell, rememberStages } from "../records/stages-memory.ts";
import type { ImageResult } from "../results.ts";
import type { BuildSettings } from "../settings.ts";
import { keepImage, tellImage } from "./stage-image.ts";
import { stagesKey } from "./stages-key.ts";

/** Packages that stages stand on, by what the graph calls them. */
export type StagePackages = {
  readonly keyOf: (set: string) => Digest;
  /** The name of its stage, and what it was locked on. */
  readonly describe: (set: string) => Pick<PackagesNote, "stage" | "base">;
  readonly stackOf: (
    set: string,
    acceptsListed: boolean,
    note: (facts: StepFacts) => void,
  ) => Promise<PackageStack>;
};

export type StagesRequest = {
  readonly graph: StageGraph;
  readonly platform: Platform;
  /** RFC 3339. */
  readonly created: string;
  readonly settings: Omit<StageSettings, "packages" | "records" | "acceptsListed">;
  /** What an earlier build left elsewhere. */
  readonly recorded: RecordedStages | undefined;
  /** Gets what the build comes to, also where it fails later. */
  readonly notes: BuildNotes;
  /** Absent for a Dockerfile. */
  readonly packages?: StagePackages;
};

/**
 * One image in stages: as a record knows it, or solved step by step, and then remembered for its own record.
 * @throws CambiumError as `solveStages`, and as the packages.
 */
export async function imageInStages(
  request: StagesRequest,
  { push, cacheTo, noCache }: Pick<BuildSettings, "push" | "cacheTo" | "noCache">,
  engine: Engine,
  bench: Workbench,
): Promise<ImageResult> {
  const { graph, platform, created, settings, packages } = request;
  request.notes.mounts.push(...mountsIn(graph, settings.lent.project));
  const recorded = bench.isForgetful ? undefined : request.recorded;
  const isPublished = push || cacheTo.length > 0;
  const key =
    recorded !== undefined || isPublished
      ? await stagesKey(graph, { ...settings, packageKey: packages?.keyOf }, created, bench)
      : undefined;
  const isAsked = key !== undefined && noCache === false;
  const known = isAsked ? await recorded?.image(key, platform) : undefined;
  if (known !== undefined) {
    bench.trace?.whole(formatPlatform(platform));
    tellImage(known, bench);
    return known;
  }
  await recorded?.adopt();
  bench.trace?.begin(graph, formatPlatform(platform));
  const { solved, stacks } = await solvedStages(request, recorded, engine, bench);
  const base = [...stacks.values()].find((stack) => stack === solved.base);
  const image = keepImage(
    {
      ...{ graph, solved, platform, created },
      ...(base !== undefined && { base: base.results }),
      ...(base?.annotations !== undefined && { annotations: base.annotations }),
    },
    bench,
  );
  if (isPublished && key !== undefined) {
    const { notes } = request;
    rememberStages(bench.store, image.digest, {
      key,
      steps: [...notes.steps].map(([step, { result }]) => ({ key: step, result })),
      layers: layersToTell(graph, solved, notes.stages.values()),
      bases: imagesIn(graph),
      stacks: [...stacks.values()].map(({ digest }) => digest),
    });
  }
  return image;
}

function mountsIn({ stages }: StageGraph, project: string): MountUse[] {
  const steps = stages.flatMap((stage) => stage.steps);
  return steps.flatMap((one) => (one.op === "run" ? mountUses(one, project) : []));
}

async function solvedStages(
  { graph, settings, packages, notes }: StagesRequest,
  recorded: RecordedStages | undefined,
  engine: Engine,
  bench: Workbench,
): Promise<{ readonly solved: StageLayers; readonly stacks: ReadonlyMap<string, PackageStack> }> {
  const stacks = new Map<string, PackageStack>();
  const records: StepRecords = {
    find: async (step, { name }) => recorded?.step(step, name),
    note: (step, { name }, result) => notes.steps.set(step, { stage: name, result }),
    noteStage: (stage, layers) => notes.stages.set(stage, layers),
  };
  const stackOf = async (set: string, acceptsListed: boolean) => {
    const key = packages!.keyOf(set);
    const { stage, base } = packages!.describe(set);
    if (bench.store.records.get("image", key) === undefined) await recorded?.packages(key, stage);
    const on = graph.stages.filter((one) => one.base.kind === "packages" && one.base.set === set);
    const note = (facts: StepFacts) => {
      for (const one of on) bench.trace?.note(one, facts);
    };
    const stack = await packages!.stackOf(set, acceptsListed, note);
    stacks.set(set, stack);
    notes.packages.set(key, { stage, stack, base });
    return stack;
  };
  const its = {
    ...{ ...settings, records },
    ...(recorded !== undefined && { mounts: recorded.mounts }),
    ...(packages !== undefined && { packages: stackOf }),
  };
  return { solved: await solveStages(graph, its, engine, bench), stacks };
}
