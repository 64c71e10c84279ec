import { BASE_FILES } from "../../ecosystems/read-base.ts";
import type { Engine } from "../../engine/embedded/engine.ts";
import type { CopyStep, FileSource, Stage, StageGraph, Step } from "../../graph/stages.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import { areListed } from "../base-listings.ts";
import type { Workbench } from "../workbench.ts";
import { dropBytecode } from "./drop-bytecode.ts";
import { FileSteps } from "./file-steps.ts";
import { RunSteps } from "./run-steps.ts";
import { StageFiles } from "./stage-files.ts";
import { recordsOf, type StageLayer, type StageLayers } from "./stage-layers.ts";
import type { StageSettings } from "./stage-solver.ts";

/** `open`: it depends on what a step before it leaves, or on what others have just now. */
export type StepState = "hit" | "miss" | "open";

/** What a step comes to, where that is known: undefined in `layer` for one that changes nothing. */
type Planned = {
  readonly state: StepState;
  readonly known: boolean;
  readonly layer?: StageLayer | undefined;
};

const OPEN: Planned = { state: "open", known: false };
const MISS: Planned = { state: "miss", known: false };

/**
 * The state of each step of each stage, as a build would find it. No program runs and nothing is fetched; files of build
 * contexts are read and kept, as a build does.
 */
export async function planStages(
  graph: StageGraph,
  settings: StageSettings,
  engine: Engine,
  bench: Workbench,
): Promise<readonly (readonly StepState[])[]> {
  const quiet: Workbench = { ...bench, emit: () => undefined };
  const planner = new StagePlanner(graph, settings, engine, quiet);
  for (const index of graph.stages.keys()) await planner.plan(index);
  return planner.states;
}

class StagePlanner {
  readonly states: StepState[][] = [];
  readonly #graph: StageGraph;
  readonly #settings: StageSettings;
  readonly #engine: Engine;
  readonly #bench: Workbench;
  readonly #files: StageFiles;
  /** Undefined: what it comes to is not known. Stages take from stages before them alone. */
  readonly #stages: (StageLayers | undefined)[] = [];

  constructor(graph: StageGraph, settings: StageSettings, engine: Engine, bench: Workbench) {
    this.#graph = graph;
    this.#settings = settings;
    this.#engine = engine;
    this.#bench = bench;
    this.#files = new StageFiles(graph, settings, async (index) => this.#known(index), bench);
  }

  async plan(index: number): Promise<void> {
    const stage = this.#graph.stages[index]!;
    const isForgetful = this.#bench.isForgetful || this.#graph.forgotten?.includes(index) === true;
    const bench = { ...this.#bench, isForgetful };
    const files = new FileSteps(this.#files, this.#settings.sourceDateEpoch ?? CONSTANT_MTIME, bench);
    const settings = { ...this.#settings, proxies: this.#graph.proxies };
    const runs = new RunSteps(this.#files, files, settings, this.#engine, bench);
    let at = await this.#base(stage, files);
    const states: StepState[] = [];
    for (const step of stage.steps) {
      const planned: Planned = at === undefined ? OPEN : await this.#step(step, at, stage, files, runs);
      states.push(planned.state);
      const { layer } = planned;
      if (!planned.known || at === undefined) at = undefined;
      else at = await this.#after(at, layer ?? { text: step.text });
    }
    this.states.push(states);
    this.#stages.push(at);
  }

  async #after(at: StageLayers, step: StageLayers["steps"][number]): Promise<StageLayers> {
    const added = step.record === undefined ? [] : [step];
    const mtimeSec = this.#settings.sourceDateEpoch ?? CONSTANT_MTIME;
    const dropped = await dropBytecode(at, added, this.#files, mtimeSec, this.#bench);
    return { base: at.base, steps: [...at.steps, step, ...(dropped === undefined ? [] : [dropped])] };
  }

  async #base({ base, platform }: Stage, files: FileSteps): Promise<StageLayers | undefined> {
    if (base.kind === "stage") return this.#stages[base.stage];
    if (base.kind === "packages" || base.kind === "diff") return undefined;
    return base.kind === "context"
      ? files.whole({ kind: "context", name: base.name })
      : this.#files.stack(base, platform);
  }

  async #step(step: Step, at: StageLayers, stage: Stage, files: FileSteps, runs: RunSteps): Promise<Planned> {
    const sources = sourcesOf(step);
    if (sources === undefined || step.op === "merge") return OPEN;
    const isKnown = await Promise.all(sources.map((source) => this.#isHere(source, stage)));
    if (!isKnown.every(Boolean)) return OPEN;
    if (step.op === "run") {
      const known = await runs.known(step, at, stage);
      return known === undefined ? MISS : { state: "hit", known: true, layer: known.layer };
    }
    const before = await files.known(step, at);
    if (before !== undefined) return { state: "hit", known: true, layer: before.layer };
    if (!this.#isListed(at)) return OPEN;
    if (step.op === "workdir") {
      const layer = await files.workdir(step, at);
      return { state: layer?.isReused === false ? "miss" : "hit", known: true, layer };
    }
    const layer = await files.copy(step, at, stage.name);
    return { state: layer.isReused ? "hit" : "miss", known: true, layer };
  }

  /** Whether what a source has can be told without fetching it. */
  async #isHere(source: FileSource, stage: Stage): Promise<boolean> {
    if (source.kind === "context" || source.kind === "scratch") return true;
    if (source.kind === "stage" && this.#stages[source.stage] === undefined) return false;
    return this.#isListed(await this.#files.stack(source, stage.platform));
  }

  #isListed(at: StageLayers): boolean {
    return areListed(recordsOf(at), BASE_FILES, this.#bench);
  }

  #known(index: number): StageLayers {
    const known = this.#stages[index];
    if (known === undefined) throw new TypeError(`stage ${index} is not known`);
    return known;
  }
}

/** Undefined: the web or a repository must be asked. */
function sourcesOf(step: Step): FileSource[] | undefined {
  if (step.op === "workdir") return [];
  // What merged stages come to is computed from their trees.
  if (step.op === "merge") return undefined;
  if (step.op === "run") return step.mounts.flatMap((mount) => (mount.type === "bind" ? [mount.from] : []));
  return isRemote(step) ? undefined : step.sources.flatMap((one) => (one.kind === "files" ? [one.from] : []));
}

function isRemote({ sources }: CopyStep): boolean {
  return sources.some(({ kind }) => kind === "http" || kind === "git");
}
