import type { Engine } from "../../engine/embedded/engine.ts";
import { CambiumError } from "../../errors.ts";
import type { StepFacts } from "../../explain/build-trace.ts";
import type { Stage, StageGraph } from "../../graph/stages.ts";
import type { Digest } from "../../layer/digest.ts";
import { formatPlatform, type Platform } from "../../platform.ts";
import type { StageLayers } from "../../solve/steps/stage-layers.ts";
import { type StageSettings, solveStages } from "../../solve/steps/stage-solver.ts";
import type { KnownStep } from "../../solve/steps/step-memory.ts";
import type { StepRecords } from "../../solve/steps/step-records.ts";
import type { Workbench } from "../../solve/workbench.ts";
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
  const solve = (from: RecordedStages | undefined) => solvedStages(request, from, engine, bench);
  const { solved, steps, stages, stacks } = await solve(recorded).catch((error: unknown) => {
    const isGone = error instanceof CambiumError && error.code === "LAYER_GONE";
    if (!isGone || recorded === undefined) throw error;
    recorded.disbelieve(error.message);
    return solve(undefined);
  });
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
    rememberStages(bench.store, image.digest, {
      key,
      steps: [...steps].map(([step, result]) => ({ key: step, result })),
      layers: layersToTell(graph, solved, stages.values()),
      bases: imagesIn(graph),
      stacks: [...stacks.values()].map(({ digest }) => digest),
    });
  }
  return image;
}

/** What a solved image leaves to tell. */
type Solved = {
  readonly solved: StageLayers;
  readonly steps: ReadonlyMap<Digest, KnownStep>;
  readonly stages: ReadonlyMap<Stage, StageLayers>;
  readonly stacks: ReadonlyMap<string, PackageStack>;
};

async function solvedStages(
  { graph, settings, packages }: StagesRequest,
  recorded: RecordedStages | undefined,
  engine: Engine,
  bench: Workbench,
): Promise<Solved> {
  const steps = new Map<Digest, KnownStep>();
  const stages = new Map<Stage, StageLayers>();
  const stacks = new Map<string, PackageStack>();
  const records: StepRecords = {
    find: async (step) => recorded?.step(step),
    note: (step, result) => steps.set(step, result),
    noteStage: (stage, layers) => stages.set(stage, layers),
  };
  const stackOf = async (set: string, acceptsListed: boolean) => {
    const on = graph.stages.filter(({ base }) => base.kind === "packages" && base.set === set);
    const note = (facts: StepFacts) => {
      for (const stage of on) bench.trace?.note(stage, facts);
    };
    const stack = await packages!.stackOf(set, acceptsListed, note);
    stacks.set(set, stack);
    return stack;
  };
  const its = { ...settings, records, ...(packages !== undefined && { packages: stackOf }) };
  return { solved: await solveStages(graph, its, engine, bench), steps, stages, stacks };
}
