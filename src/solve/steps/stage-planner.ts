import { BASE_FILES } from "../../ecosystems/read-base.ts";
import type { Engine } from "../../engine/embedded/engine.ts";
import type {
  CopySourceOp,
  CopyStep,
  FileSource,
  MergeStep,
  RunStep,
  Stage,
  StageGraph,
  Step,
  StepPlace,
  WorkdirStep,
} from "../../graph/stages.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import { areListed } from "../base-listings.ts";
import type { Workbench } from "../workbench.ts";
import { knownDiff } from "./diff-stage.ts";
import { dropBytecode } from "./drop-bytecode.ts";
import { FileSteps, pinnedIdentity } from "./file-steps.ts";
import { knownMergeStep } from "./merge-step.ts";
import { noteBase } from "./note-base.ts";
import { RunSteps } from "./run-steps.ts";
import { StageFiles } from "./stage-files.ts";
import { contentsOf, recordsOf, type StackBase, type StageLayer, type StageLayers } from "./stage-layers.ts";
import type { StageSettings } from "./stage-solver.ts";
import { StepErrors } from "./step-errors.ts";

/** `open`: it depends on what a step before it leaves, or on what others have just now. */
export type StepState = "hit" | "miss" | "open";

/** `cause`: why it is not known, where that is neither the step itself nor the one before it in its stage. */
export type StepPlan = { readonly state: StepState; readonly cause?: string };

/** Packages before they are composed. */
export type PlannedStack = {
  readonly stack: StackBase;
  /** False: what they come to is known, and not the layers, of which the stack then has none. */
  readonly isComposed: boolean;
};

/** As those of a build; `plannedPackages` gives none where some are not here yet. */
export type StagePlanSettings = Omit<StageSettings, "packages"> & {
  readonly plannedPackages?: (set: string) => PlannedStack | undefined;
};

/** A stage as far as it has come. */
type Place = KnownPlace | UnknownPlace;
type KnownPlace = { readonly isKnown: true; readonly at: StageLayers; readonly isComposed: boolean };
type UnknownPlace = {
  readonly isKnown: false;
  readonly cause?: string;
  /** It stands on what was never here, so that no command above was run before. */
  readonly isNew: boolean;
};

/** A step, and what the stage is after it. */
type Planned = { readonly plan: StepPlan; readonly place: Place };

type FileStep = StepPlace & (CopyStep | WorkdirStep);

/** What does the steps of a stage, as far as a plan does. */
type Doers = { readonly files: FileSteps; readonly runs: RunSteps; readonly bench: Workbench };

const NOT_COMPOSED = "packages below it are not composed yet";
const NOT_READ = "a layer below it was not read yet";

/**
 * The state of each step of each stage, as a build would find it. No program runs and nothing is fetched; files of build
 * contexts are read and kept, as a build does.
 */
export async function planStages(
  graph: StageGraph,
  settings: StagePlanSettings,
  engine: Engine,
  bench: Workbench,
): Promise<readonly (readonly StepPlan[])[]> {
  const quiet: Workbench = { ...bench, emit: () => undefined };
  const planner = new StagePlanner(graph, settings, engine, quiet);
  const plans: (readonly StepPlan[])[] = [];
  for (const index of graph.stages.keys()) plans.push(await planner.plan(index));
  return plans;
}

class StagePlanner {
  readonly #graph: StageGraph;
  readonly #settings: StagePlanSettings;
  readonly #engine: Engine;
  readonly #bench: Workbench;
  readonly #files: StageFiles;
  readonly #mtimeSec: number;
  readonly #errors: StepErrors;
  /** Stages take from stages before them alone. */
  readonly #stages: Place[] = [];

  constructor(graph: StageGraph, settings: StagePlanSettings, engine: Engine, bench: Workbench) {
    this.#graph = graph;
    this.#errors = new StepErrors(graph);
    this.#settings = settings;
    this.#engine = engine;
    this.#bench = bench;
    this.#mtimeSec = settings.sourceDateEpoch ?? CONSTANT_MTIME;
    this.#files = new StageFiles(graph, settings, async (index) => this.#known(index), bench);
  }

  async plan(index: number): Promise<readonly StepPlan[]> {
    const stage = this.#graph.stages[index]!;
    const isForgetful = this.#bench.isForgetful || this.#graph.forgotten?.includes(index) === true;
    const doers = this.#doers({ ...this.#bench, isForgetful });
    const startedMs = performance.now();
    let place = await this.#base(stage, doers);
    if (place.isKnown) {
      const upper = stage.base.kind === "diff" ? this.#known(stage.base.upper) : undefined;
      noteBase(stage, place.at, upper, startedMs, this.#mtimeSec, doers.bench);
    }
    const plans: StepPlan[] = [];
    for (const step of stage.steps) {
      const planned = await this.#step(step, place, stage, doers).catch((error: unknown) => {
        throw this.#errors.at(step, error);
      });
      plans.push(planned.plan);
      if (isForgetful && planned.plan.state === "miss") {
        this.#bench.trace?.note(step, { outcome: "miss", key: "", cause: "no-cache" });
      }
      const before = place;
      place = await this.#after(before, planned.place);
      if (before.isKnown && place.isKnown) {
        const added = { base: undefined, steps: place.at.steps.slice(before.at.steps.length) };
        this.#bench.trace?.came(step, contentsOf(added));
      }
    }
    this.#stages.push(place);
    return plans;
  }

  /** With what a build drops of bytecode right above the step. */
  async #after(before: Place, after: Place): Promise<Place> {
    if (!before.isKnown || !after.isKnown) return after;
    const added = after.at.steps
      .slice(before.at.steps.length)
      .flatMap((step) => (step.record === undefined ? [] : [step]));
    if ((after.at.base?.bytecode?.size ?? 0) === 0 || added.length === 0) return after;
    if (!after.isComposed) return { isKnown: false, cause: NOT_COMPOSED, isNew: false };
    if (!this.#isListed(after.at)) return { isKnown: false, cause: NOT_READ, isNew: false };
    const dropped = await dropBytecode(before.at, added, this.#files, this.#mtimeSec, this.#bench);
    if (dropped === undefined) return after;
    return { ...after, at: { ...after.at, steps: [...after.at.steps, dropped] } };
  }

  #doers(bench: Workbench): Doers {
    const files = new FileSteps(this.#files, this.#mtimeSec, bench);
    const settings = { ...this.#settings, proxies: this.#graph.proxies };
    return { files, runs: new RunSteps(this.#files, files, settings, this.#engine, bench), bench };
  }

  async #base({ base, platform }: Stage, { files, bench }: Doers): Promise<Place> {
    switch (base.kind) {
      case "stage":
        return this.#above(base.stage);
      case "packages": {
        const planned = this.#settings.plannedPackages?.(base.set);
        if (planned !== undefined) {
          return { isKnown: true, at: { base: planned.stack, steps: [] }, isComposed: planned.isComposed };
        }
        return { isKnown: false, cause: "packages below it are not here yet", isNew: true };
      }
      case "diff": {
        const absent = [base.lower, base.upper].find((index) => !this.#isComposed(index));
        if (absent !== undefined) return { isKnown: false, cause: this.#unknownStage(absent), isNew: false };
        const [lower, upper] = [this.#known(base.lower), this.#known(base.upper)];
        const at = await knownDiff({ name: "diff", lower, upper }, this.#mtimeSec, bench);
        if (at === undefined) return { isKnown: false, cause: "the diff below it is new", isNew: false };
        return { isKnown: true, at, isComposed: true };
      }
      case "context": {
        const at = await files.whole({ kind: "context", name: base.name });
        return { isKnown: true, at, isComposed: true };
      }
      case "image":
      case "scratch":
        return { isKnown: true, at: await this.#files.stack(base, platform), isComposed: true };
    }
  }

  /** What stands on a stage. */
  #above(index: number): Place {
    const place = this.#stages[index]!;
    return place.isKnown ? place : { ...place, cause: place.cause ?? this.#unknownStage(index) };
  }

  async #step(step: Step, place: Place, stage: Stage, doers: Doers): Promise<Planned> {
    if (!place.isKnown) return lost(step, doers, place.cause, place.isNew);
    const absent = stagesOf(step).find((index) => !this.#stages[index]!.isKnown);
    if (absent !== undefined) return lost(step, doers, this.#unknownStage(absent));
    if (step.op === "merge") return this.#merge(step, place, stage, doers);
    if (step.op !== "run") return this.#fileStep(step, place, stage, doers);
    const cause = await this.#unreadable(bindsOf(step), stage);
    if (cause !== undefined) return lost(step, doers, cause);
    const known = await doers.runs.known(step, place.at, stage);
    return known === undefined ? unknown("miss") : grown("hit", step, place, [known.layer]);
  }

  async #fileStep(step: FileStep, place: KnownPlace, stage: Stage, doers: Doers): Promise<Planned> {
    const { files } = doers;
    const before = await files.known(step, place.at);
    if (before !== undefined) return grown("hit", step, place, [before.layer]);
    const sources = step.op === "copy" ? step.sources : [];
    const remote = sources.filter(isRemote);
    if (remote.some((one) => pinnedIdentity(one) === undefined)) {
      return lost(step, doers, "what it is now is asked when it is built");
    }
    // What cannot change and was never copied here has to be.
    if (remote.length > 0) return unknown("miss");
    if (!place.isComposed) return lost(step, doers, NOT_COMPOSED);
    if (!this.#isListed(place.at)) return lost(step, doers, NOT_READ);
    const cause = await this.#unreadable(sources.flatMap(fromOf), stage);
    if (cause !== undefined) return lost(step, doers, cause);
    if (step.op === "workdir") {
      const layer = await files.workdir(step, place.at);
      return grown(layer?.isReused === false ? "miss" : "hit", step, place, [layer]);
    }
    const layer = await files.copy(step, place.at, stage.name);
    return grown(layer.isReused ? "hit" : "miss", step, place, [layer]);
  }

  #merge(step: MergeStep & StepPlace, place: KnownPlace, stage: Stage, doers: Doers): Planned {
    const unlaid = step.stages.find((index) => !this.#isComposed(index));
    if (unlaid !== undefined) return lost(step, doers, this.#unknownStage(unlaid));
    if (!place.isComposed) return lost(step, doers, NOT_COMPOSED);
    const merged = step.stages.map((index) => ({
      name: this.#graph.stages[index]!.name,
      layers: this.#known(index),
    }));
    const layers = knownMergeStep(step, { at: place.at, stage }, merged, this.#mtimeSec, doers.bench);
    return layers === undefined ? unknown("miss") : grown("hit", step, place, layers);
  }

  /** Why what sources have cannot be told without fetching or making it; undefined where it can. */
  async #unreadable(sources: readonly FileSource[], { platform }: Stage): Promise<string | undefined> {
    for (const source of sources) {
      if (source.kind === "context" || source.kind === "scratch") continue;
      if (source.kind === "stage" && !this.#isComposed(source.stage)) return this.#unknownStage(source.stage);
      if (this.#isListed(await this.#files.stack(source, platform))) continue;
      return `${source.kind === "stage" ? "a stage" : "an image"} that it takes from was not read yet`;
    }
    return undefined;
  }

  #isListed(at: StageLayers): boolean {
    return areListed(recordsOf(at), BASE_FILES, this.#bench);
  }

  #isComposed(index: number): boolean {
    const place = this.#stages[index]!;
    return place.isKnown && place.isComposed;
  }

  #known(index: number): StageLayers {
    const place = this.#stages[index];
    if (place?.isKnown !== true) throw new TypeError(`stage ${index} is not known`);
    return place.at;
  }

  #unknownStage(index: number): string {
    return `stage ${this.#graph.stages[index]!.name} is not made yet`;
  }
}

/** A step of which it is not known what it takes or stands on. */
function lost({ op }: Step, { bench }: Doers, cause: string | undefined, isNew = false): Planned {
  const isMiss = bench.isForgetful ? op !== "workdir" : isNew && op === "run";
  return unknown(isMiss ? "miss" : "open", cause, isNew);
}

/** A step whose result nobody knows; the steps above it need no cause of their own. */
function unknown(state: StepState, cause?: string, isNew = false): Planned {
  return { plan: { state, ...(cause !== undefined && { cause }) }, place: { isKnown: false, isNew } };
}

/** A step whose result is known: undefined, or none, where it changes nothing. */
function grown(
  state: StepState,
  { text }: Step,
  place: KnownPlace,
  layers: readonly (StageLayer | undefined)[],
): Planned {
  const added = layers.length === 0 ? [{ text }] : layers.map((layer) => layer ?? { text });
  const at = { ...place.at, steps: [...place.at.steps, ...added] };
  return { plan: { state }, place: { ...place, at } };
}

/** Stages that must be known for a step to be. */
function stagesOf(step: Step): number[] {
  if (step.op === "merge") return [...step.stages];
  const from = step.op === "run" ? bindsOf(step) : step.op === "copy" ? step.sources.flatMap(fromOf) : [];
  return from.flatMap((one) => (one.kind === "stage" ? [one.stage] : []));
}

function bindsOf({ mounts }: RunStep): FileSource[] {
  return mounts.flatMap((mount) => (mount.type === "bind" ? [mount.from] : []));
}

function fromOf(source: CopySourceOp): FileSource[] {
  return source.kind === "files" ? [source.from] : [];
}

type Remote = Extract<CopySourceOp, { readonly kind: "http" | "git" }>;

function isRemote(source: CopySourceOp): source is Remote {
  return source.kind === "http" || source.kind === "git";
}
