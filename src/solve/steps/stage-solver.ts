import type { Engine } from "../../engine/embedded/engine.ts";
import { CambiumError } from "../../errors.ts";
import type { FileSource, Stage, StageGraph, Step, StepPlace } from "../../graph/stages.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import { step, type Workbench } from "../workbench.ts";
import { diffStage } from "./diff-stage.ts";
import { dropBytecode } from "./drop-bytecode.ts";
import { FileSteps } from "./file-steps.ts";
import { type MergedStage, mergeStep } from "./merge-step.ts";
import { noteBase } from "./note-base.ts";
import { type RunSettings, RunSteps } from "./run-steps.ts";
import { type ContextFolders, StageFiles } from "./stage-files.ts";
import { recordsOf, type StackBase, type StageLayer, type StageLayers, stepName } from "./stage-layers.ts";
import { StepErrors } from "./step-errors.ts";
import { assertHad } from "./step-memory.ts";

export type StageSettings = ContextFolders &
  RunSettings & {
    /**
     * Gives the packages that a stage stands on, asked once for each stage that does; `acceptsListed` as in `RunSettings`.
     * Absent: no stage does.
     */
    readonly packages?: (set: string, acceptsListed: boolean) => Promise<StackBase>;
  };

/**
 * Solves the stages that the target needs, each once, as far beside one another as they allow. Layers that are known by
 * their listing alone will do where nothing reads them; where something does, what made them is done again.
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
  try {
    const solved = await solveOnce(graph, { ...settings, acceptsListed: true }, engine, bench);
    assertHad(bench.store, recordsOf(solved));
    return solved;
  } catch (error) {
    if (!(error instanceof CambiumError) || error.code !== "LAYER_UNKNOWN") throw error;
    return solveOnce(graph, { ...settings, acceptsListed: false }, engine, bench);
  }
}

async function solveOnce(
  graph: StageGraph,
  settings: StageSettings,
  engine: Engine,
  bench: Workbench,
): Promise<StageLayers> {
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

/** What does the steps of a stage. */
type Doers = { readonly files: FileSteps; readonly runs: RunSteps; readonly bench: Workbench };

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
  readonly #doers: Doers;
  /** Of stages that `--no-cache` names. */
  readonly #forgetful: Doers;
  /** Of what is computed: files that steps copy, trees that are compared or merged. */
  readonly #mtimeSec: number;
  readonly #settings: Pick<StageSettings, "packages" | "records" | "acceptsListed">;
  readonly #errors: StepErrors;
  readonly #stages = new Map<number, Promise<StageLayers>>();

  constructor(graph: StageGraph, settings: StageSettings, engine: Engine, bench: Workbench) {
    const { proxies } = graph;
    this.#graph = graph;
    this.#errors = new StepErrors(graph);
    this.#bench = bench;
    this.#settings = settings;
    this.#files = new StageFiles(graph, settings, (index) => this.#stage(index), bench);
    this.#mtimeSec = settings.sourceDateEpoch ?? CONSTANT_MTIME;
    const doers = (its: Workbench): Doers => {
      const files = new FileSteps(this.#files, this.#mtimeSec, its, settings.acceptsListed);
      const runs = new RunSteps(this.#files, files, { ...settings, proxies }, engine, its);
      return { files, runs, bench: its };
    };
    this.#doers = doers(bench);
    this.#forgetful = doers({ ...bench, isForgetful: true });
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
    const known = this.#stages.get(index) ?? this.#solve(index);
    this.#stages.set(index, known);
    return known;
  }

  async #solve(index: number): Promise<StageLayers> {
    const stage = this.#graph.stages[index]!;
    const doers = this.#graph.forgotten?.includes(index) === true ? this.#forgetful : this.#doers;
    // What steps will need begins at once; a failure is met where it is waited for.
    for (const other of neededBy(stage)) this.#stage(other).catch(() => undefined);
    const startedMs = performance.now();
    let at = await this.#base(stage, doers);
    const upper = stage.base.kind === "diff" ? await this.#stage(stage.base.upper) : undefined;
    noteBase(stage, at, upper, startedMs, this.#mtimeSec, doers.bench);
    const add = (layer: StageLayers["steps"][number]) => {
      at = { ...at, steps: [...at.steps, layer] };
    };
    const { emptyHistory } = stage.config;
    for (const [place, one] of stage.steps.entries()) {
      for (const { beforeStep, text } of emptyHistory) if (beforeStep === place) add({ text });
      this.#bench.signal.throwIfAborted();
      const layers = await this.#step(one, at, stage, doers).catch((error: unknown) => {
        if (!this.#bench.signal.aborted) this.#bench.trace?.failed(one);
        throw this.#errors.at(one, error);
      });
      const dropped = await dropBytecode(at, layers, this.#files, this.#mtimeSec, doers.bench);
      for (const layer of layers.length === 0 ? [{ text: one.text }] : layers) add(layer);
      if (dropped !== undefined) add(dropped);
      const added = dropped === undefined ? layers : [...layers, dropped];
      this.#bench.trace?.came(
        one,
        added.map(({ content }) => content),
      );
    }
    for (const { beforeStep, text } of emptyHistory) if (beforeStep >= stage.steps.length) add({ text });
    this.#settings.records?.noteStage(stage, at);
    return at;
  }

  async #base({ name, base, platform }: Stage, { files, bench }: Doers): Promise<StageLayers> {
    if (base.kind === "context") return files.whole({ kind: "context", name: base.name });
    if (base.kind === "packages") {
      const { packages, acceptsListed = false } = this.#settings;
      const found = await packages?.(base.set, acceptsListed);
      if (found === undefined) throw new TypeError(`nobody knows the packages ${base.set}`);
      return { base: found, steps: [] };
    }
    if (base.kind !== "diff") return this.#files.stack(base, platform);
    const [lower, upper] = [await this.#stage(base.lower), await this.#stage(base.upper)];
    return diffStage({ name: `${name}: diff`, lower, upper }, this.#files, this.#mtimeSec, bench);
  }

  /** The layers that the step adds. */
  async #step(
    one: Step,
    at: StageLayers,
    stage: Stage,
    { files, runs, bench }: Doers,
  ): Promise<readonly StageLayer[]> {
    switch (one.op) {
      case "run":
        return listOf(await runs.run(one, at, stage));
      case "copy":
        return [await this.#named(one, stage, () => files.copy(one, at, stage.name))];
      case "workdir":
        return listOf(await files.workdir(one, at));
      case "merge": {
        const merged: MergedStage[] = [];
        for (const index of one.stages) {
          merged.push({ name: this.#graph.stages[index]!.name, layers: await this.#stage(index) });
        }
        return mergeStep(one, { at, stage }, merged, this.#files, this.#mtimeSec, bench);
      }
    }
  }

  #named(one: StepPlace, stage: Stage, work: () => Promise<StageLayer>): Promise<StageLayer> {
    return step(this.#bench, stepName(stage, one), async () => {
      const value = await work();
      return { value, outcome: value.isReused ? "hit" : "done" };
    });
  }
}

function listOf(layer: StageLayer | undefined): StageLayer[] {
  return layer === undefined ? [] : [layer];
}

function neededBy(stage: Stage): Set<number> {
  const needed = new Set<number>();
  if (stage.base.kind === "diff") needed.add(stage.base.lower).add(stage.base.upper);
  const note = (from: FileSource | undefined) => {
    if (from?.kind === "stage") needed.add(from.stage);
  };
  for (const one of stage.steps) {
    if (one.op === "copy")
      for (const source of one.sources) note(source.kind === "files" ? source.from : undefined);
    if (one.op === "merge") for (const index of one.stages) needed.add(index);
    // What a cache mount begins with is built when a new mount asks for it.
    if (one.op === "run")
      for (const mount of one.mounts) note(mount.type === "bind" ? mount.from : undefined);
  }
  return needed;
}
