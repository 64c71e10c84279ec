import type { Engine } from "../../engine/embedded/engine.ts";
import type { FileSource, Stage, StageGraph, Step, StepPlace } from "../../graph/stages.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import { step, type Workbench } from "../workbench.ts";
import { FileSteps } from "./file-steps.ts";
import { type RunSettings, RunSteps } from "./run-steps.ts";
import { type ContextFolders, StageFiles } from "./stage-files.ts";
import type { StageLayer, StageLayers } from "./stage-layers.ts";

export type StageSettings = ContextFolders & RunSettings;

/**
 * Solves the stages that the target needs, each once, as far beside one another as they allow.
 * @throws CambiumError `ENGINE_MISSING`, `STEP_FAILED`, and of whatever else fails first; what was finished stays in the
 *   store.
 */
export async function solveStages(
  graph: StageGraph,
  settings: StageSettings,
  engine: Engine,
  bench: Workbench,
): Promise<StageLayers> {
  if (graph.stages.some(({ steps }) => steps.some(({ op }) => op === "run"))) checkOnce(engine, bench);
  const abort = new AbortController();
  const signal = AbortSignal.any([bench.signal, abort.signal]);
  const solver = new StageSolver(graph, settings, engine, { ...bench, signal });
  try {
    return await solver.target();
  } catch (error) {
    abort.abort(error);
    await solver.settled();
    throw error;
  }
}

/**
 * What this machine lacks is said before any work. One that once had all is asked again when a step must run: that starts
 * three programs, which a build that changes nothing need not wait for.
 */
function checkOnce(engine: Engine, { store, env }: Workbench): void {
  const path = env.PATH ?? "";
  if (store.records.get("engine", path) === true) return;
  engine.check();
  store.records.put("engine", path, true);
}

class StageSolver {
  readonly #graph: StageGraph;
  readonly #bench: Workbench;
  readonly #files: StageFiles;
  readonly #fileSteps: FileSteps;
  readonly #runSteps: RunSteps;
  readonly #stages = new Map<number, Promise<StageLayers>>();

  constructor(graph: StageGraph, settings: StageSettings, engine: Engine, bench: Workbench) {
    const { proxies } = graph;
    this.#graph = graph;
    this.#bench = bench;
    this.#files = new StageFiles(graph, settings, (index) => this.#stage(index), bench);
    this.#fileSteps = new FileSteps(this.#files, settings.sourceDateEpoch ?? CONSTANT_MTIME, bench);
    this.#runSteps = new RunSteps(this.#files, this.#fileSteps, { ...settings, proxies }, engine, bench);
  }

  async target(): Promise<StageLayers> {
    const solved = await this.#stage(this.#graph.target);
    await this.#files.save();
    return solved;
  }

  /** When nothing of it runs any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#stages.values());
  }

  #stage(index: number): Promise<StageLayers> {
    const known = this.#stages.get(index) ?? this.#solve(this.#graph.stages[index]!);
    this.#stages.set(index, known);
    return known;
  }

  async #solve(stage: Stage): Promise<StageLayers> {
    // What steps will need begins at once; a failure is met where it is waited for.
    for (const other of neededBy(stage)) this.#stage(other).catch(() => undefined);
    let at = await this.#base(stage);
    const add = (layer: StageLayers["steps"][number]) => {
      at = { base: at.base, steps: [...at.steps, layer] };
    };
    const { emptyHistory } = stage.config;
    for (const [place, one] of stage.steps.entries()) {
      for (const { beforeStep, text } of emptyHistory) if (beforeStep === place) add({ text });
      this.#bench.signal.throwIfAborted();
      add((await this.#step(one, at, stage)) ?? { text: one.text });
    }
    for (const { beforeStep, text } of emptyHistory) if (beforeStep >= stage.steps.length) add({ text });
    return at;
  }

  async #base({ base, platform }: Stage): Promise<StageLayers> {
    if (base.kind === "context") return this.#fileSteps.whole({ kind: "context", name: base.name });
    return this.#files.stack(base, platform);
  }

  #step(one: Step, at: StageLayers, stage: Stage): Promise<StageLayer | undefined> {
    switch (one.op) {
      case "run":
        return this.#runSteps.run(one, at, stage);
      case "copy":
        return this.#named(one, stage, () => this.#fileSteps.copy(one, at, stage.name));
      case "workdir":
        return this.#fileSteps.workdir(one, at);
    }
  }

  #named(one: StepPlace, stage: Stage, work: () => Promise<StageLayer>): Promise<StageLayer> {
    return step(this.#bench, `${stage.name} ${one.line}: ${one.text}`, async () => {
      const value = await work();
      return { value, outcome: value.isReused ? "hit" : "done" };
    });
  }
}

function neededBy(stage: Stage): Set<number> {
  const needed = new Set<number>();
  const note = (from: FileSource | undefined) => {
    if (from?.kind === "stage") needed.add(from.stage);
  };
  for (const one of stage.steps) {
    if (one.op === "copy")
      for (const source of one.sources) note(source.kind === "files" ? source.from : undefined);
    // What a cache mount begins with is built when a new mount asks for it.
    if (one.op === "run")
      for (const mount of one.mounts) note(mount.type === "bind" ? mount.from : undefined);
  }
  return needed;
}
