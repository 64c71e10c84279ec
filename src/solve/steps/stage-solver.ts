import type { ContentSource } from "../../context/content-source.ts";
import { BASE_FILES } from "../../ecosystems/read-base.ts";
import type { Engine } from "../../engine/embedded/engine.ts";
import { CambiumError } from "../../errors.ts";
import type {
  CacheMount,
  CopyStep,
  FileSource,
  RunStep,
  Stage,
  StageGraph,
  Step,
  StepPlace,
} from "../../graph/stages.ts";
import { keyOf, runKeyDocument } from "../../graph/step-key.ts";
import { type Digest, parseDigest } from "../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { Segment } from "../../layer/segment.ts";
import { baseDocuments } from "../base-documents.ts";
import { describeLayers } from "../image-layers.ts";
import { lazyLayer } from "../lazy-layers.ts";
import { type OpenContext, openContext } from "../open-context.ts";
import { step, type Workbench } from "../workbench.ts";
import { cacheMountsOf, type HeldMounts, holdCacheMounts, type Seed, seedOf } from "./cache-mounts.ts";
import { accountsOf, copyLayer, copyStep } from "./copy-step.ts";
import { type LayersSource, layersSource } from "./layers-source.ts";
import { boundContent, isRootPath, type Lent, type MountedTree, runMounts } from "./run-mounts.ts";
import { contentsOf, recordsOf, type StageLayer, type StageLayers } from "./stage-layers.ts";
import {
  contentOf,
  equalLayer,
  type KnownStep,
  knownStep,
  rememberCaptured,
  rememberStep,
} from "./step-memory.ts";
import { workdirStep } from "./workdir-step.ts";

/** A folder that files are taken from. `ignoreFile` instead of its `.dockerignore`, absolute. */
export type ContextFolder = { readonly root: string; readonly ignoreFile?: string };

export type StageSettings = {
  readonly context: ContextFolder;
  readonly contexts: ReadonlyMap<string, ContextFolder>;
  readonly lent: Lent;
  readonly sourceDateEpoch?: number;
  /** `--network`: of steps that say nothing. */
  readonly network: "host" | "none";
  /** `--allow security.insecure`. */
  readonly allowsInsecure: boolean;
};

/**
 * Solves the stages that the target needs, each once, as far beside one another as they allow.
 * @throws CambiumError `STEP_FAILED`, and of whatever else fails first; what was finished stays in the store.
 */
export async function solveStages(
  graph: StageGraph,
  settings: StageSettings,
  engine: Engine,
  bench: Workbench,
): Promise<StageLayers> {
  if (graph.stages.some(({ steps }) => steps.some(({ op }) => op === "run"))) engine.check();
  const abort = new AbortController();
  const signal = AbortSignal.any([bench.signal, abort.signal]);
  const solver = new StageSolver(graph, settings, engine, { ...bench, signal });
  try {
    const solved = await solver.stage(graph.target);
    solver.saveDigests();
    return solved;
  } catch (error) {
    abort.abort(error);
    await solver.settled();
    throw error;
  }
}

class StageSolver {
  readonly #graph: StageGraph;
  readonly #settings: StageSettings;
  readonly #engine: Engine;
  readonly #bench: Workbench;
  readonly #stages = new Map<number, Promise<StageLayers>>();
  readonly #contexts: OpenContext[] = [];
  readonly #sources = new Map<string, Promise<ContentSource>>();
  readonly #trees = new Map<string, Promise<LayersSource>>();

  constructor(graph: StageGraph, settings: StageSettings, engine: Engine, bench: Workbench) {
    this.#graph = graph;
    this.#settings = settings;
    this.#engine = engine;
    this.#bench = bench;
  }

  stage(index: number): Promise<StageLayers> {
    const known = this.#stages.get(index) ?? this.#solve(this.#graph.stages[index]!);
    this.#stages.set(index, known);
    return known;
  }

  /** Keeps what was computed of context files, for the next build. */
  saveDigests(): void {
    for (const { save } of this.#contexts) save();
  }

  /** When nothing of it runs any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#stages.values());
  }

  async #solve(stage: Stage): Promise<StageLayers> {
    // What steps will need begins at once; a failure is met where it is waited for.
    for (const other of neededBy(stage)) this.stage(other).catch(() => undefined);
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
    if (base.kind === "stage") return this.stage(base.stage);
    if (base.kind === "image") {
      const digest = parseDigest(base.digest, "base");
      return { base: await baseDocuments(base.reference, digest, platform, this.#bench), steps: [] };
    }
    if (base.kind === "scratch") return { base: undefined, steps: [] };
    const whole = wholeCopy({ kind: "context", name: base.name }, "/");
    const layer = await this.#copy(whole, { base: undefined, steps: [] });
    return { base: undefined, steps: [layer] };
  }

  #step(one: Step, at: StageLayers, stage: Stage): Promise<StageLayer | undefined> {
    switch (one.op) {
      case "run":
        return this.#run(one, at, stage);
      case "copy":
        return this.#named(one, stage, () => this.#copy(one, at));
      case "workdir":
        return this.#workdir(one, at);
    }
  }

  #named(one: StepPlace, stage: Stage, work: () => Promise<StageLayer>): Promise<StageLayer> {
    return step(this.#bench, `${stage.name} ${one.line}: ${one.text}`, async () => {
      const value = await work();
      return { value, outcome: value.isReused ? "hit" : "done" };
    });
  }

  async #copy(one: CopyStep & StepPlace, at: StageLayers): Promise<StageLayer> {
    const below = await this.#treeOf(at);
    const input = {
      sources: (from: FileSource) => this.#source(from),
      below: below?.tree,
      accounts: accountsOf(below?.tree),
      mtimeSec: this.#mtimeSec,
    };
    return this.#layerOf(one, await copyStep(one, input, this.#bench), below);
  }

  async #workdir(one: Extract<Step, { op: "workdir" }>, at: StageLayers): Promise<StageLayer | undefined> {
    const below = await this.#treeOf(at);
    const input = { below: below?.tree, accounts: accountsOf(below?.tree), mtimeSec: this.#mtimeSec };
    const segment = await workdirStep(one, input, this.#bench);
    return segment && this.#layerOf({ ...one, isLinked: false }, segment, below);
  }

  /** A layer of files that the step took: its bytes are composed when something reads them. */
  async #layerOf(
    one: Parameters<typeof copyLayer>[0],
    segment: Segment,
    below: LayersSource | undefined,
  ): Promise<StageLayer> {
    // A layer of the image is told when the image is; what a mount shows is none.
    const quiet: Workbench = {
      ...this.#bench,
      emit: (event) => {
        if (event.type !== "layer") this.#bench.emit(event);
      },
    };
    const [composed] = await describeLayers([copyLayer(one, segment, below?.tree)], quiet);
    const { layer, isReused } = composed!;
    const record = { descriptor: layer.descriptor, diffId: layer.diffId };
    return { text: one.text, record, content: segment.id, isReused };
  }

  async #run(one: RunStep & StepPlace, at: StageLayers, stage: Stage): Promise<StageLayer | undefined> {
    const { platform } = stage;
    const bound = await this.#bound(one, stage);
    const contents = new Map([...bound].map(([target, { content }]) => [target, content]));
    const { sourceDateEpoch } = this.#settings;
    const document = runKeyDocument(one, {
      ...{ platform, below: contentsOf(at), contents },
      ...(sourceDateEpoch !== undefined && { sourceDateEpoch }),
    });
    const key = keyOf(document);
    const { store, signal } = this.#bench;
    const name = `${stage.name} ${one.line}: ${one.text}`;
    return step(this.#bench, name, async () => {
      const before = this.#known(key);
      if (before !== undefined) return { value: layerFrom(one, before, true), outcome: "hit" };
      const seeds = await this.#seeds(one, stage);
      // Two builds of the same step wait for one another: the second finds what the first made.
      return store.exclusive(
        `step ${key}`,
        async () => {
          const meanwhile = this.#known(key);
          if (meanwhile !== undefined) return { value: layerFrom(one, meanwhile, true), outcome: "hit" };
          const result = await this.#execute(one, at, bound, seeds, name);
          rememberStep(store, key, document, result);
          return { value: layerFrom(one, result, false), outcome: "done" };
        },
        { signal },
      );
    });
  }

  #known(key: Digest): KnownStep | undefined {
    const { store, lease, isForgetful } = this.#bench;
    const known = isForgetful ? undefined : knownStep(store, key);
    if (known?.layer !== undefined) lease.protect([known.layer.descriptor.digest]);
    return known;
  }

  async #execute(
    one: RunStep & StepPlace,
    at: StageLayers,
    bound: ReadonlyMap<string, Bound>,
    seeds: ReadonlyMap<CacheMount, Seed>,
    name: string,
  ): Promise<KnownStep> {
    const { allowsInsecure } = this.#settings;
    if (one.security === "insecure" && !allowsInsecure) {
      throw new CambiumError("STEP_INSECURE", `line ${one.line}: --security=insecure is not allowed here`, {
        hint: "Allow it for this build: --allow security.insecure",
        exitCode: 2,
      });
    }
    const trees = await this.#foldersOf(recordsOf(at));
    const held = await holdCacheMounts(one, seeds, this.#settings.lent.project, this.#engine, this.#bench);
    try {
      return await this.#executeWith(one, trees, bound, held, name);
    } finally {
      held.release();
    }
  }

  async #executeWith(
    one: RunStep & StepPlace,
    trees: readonly string[],
    bound: ReadonlyMap<string, Bound>,
    { folders }: HeldMounts,
    name: string,
  ): Promise<KnownStep> {
    const { store, emit, signal, lease } = this.#bench;
    const { lent, sourceDateEpoch, network } = this.#settings;
    const treesOf = (records: readonly LayerRecord[]) => this.#foldersOf(records);
    const prepared = await runMounts(one, bound, treesOf, folders, lent);
    const own = new Set(one.env.map(([variable]) => variable));
    const proxies = this.#graph.proxies.filter(([variable]) => !own.has(variable));
    const finished = await this.#engine.runStep(
      {
        trees,
        argv: one.argv,
        env: [
          ...[...one.env, ...proxies].map(([variable, value]) => `${variable}=${value}`),
          ...prepared.env,
        ],
        cwd: one.cwd,
        user: one.user,
        network: one.network === "default" ? network : one.network,
        security: one.security,
        mounts: prepared.mounts,
      },
      (line, stream) => emit({ type: "step-output", id: name, line, stream }),
      signal,
    );
    try {
      if (finished.exitCode !== 0) throw stepFailed(one, finished.exitCode, finished.lastLines);
      const captured = await finished.capture({
        wanted: BASE_FILES,
        signal,
        ...(sourceDateEpoch !== undefined && { latestSec: sourceDateEpoch }),
      });
      if (captured === undefined) return {};
      const content = contentOf(captured.listing);
      const layer = equalLayer(store, content) ?? captured.record;
      lease.protect([layer.descriptor.digest]);
      rememberCaptured(store, content, layer);
      return { layer, content };
    } finally {
      await finished.remove();
    }
  }

  /** Layers as folders, bottom up. */
  async #foldersOf(records: readonly LayerRecord[]): Promise<string[]> {
    const trees: string[] = [];
    for (const record of records) {
      trees.push(await this.#engine.treeOf(lazyLayer(record, this.#bench), trees, this.#bench.signal));
    }
    return trees;
  }

  /** What cache mounts begin with, where it may be asked for: before any lock is held that its stage might wait for. */
  async #seeds(one: RunStep & StepPlace, stage: Stage): Promise<Map<CacheMount, Seed>> {
    const seeds = new Map<CacheMount, Seed>();
    for (const { mount, from } of cacheMountsOf(one, this.#settings.lent.project, this.#bench.store)) {
      if (from === undefined) continue;
      const mounted = await this.#mounted(from, mount.source ?? "", stage);
      const trees = await this.#foldersOf(mounted.records);
      seeds.set(mount, seedOf(mount, mounted.tree, trees, `line ${one.line}`));
    }
    return seeds;
  }

  /** What bind mounts show. Files of a context become a layer, so that what ignore files leave out is not there. */
  async #bound(one: RunStep & StepPlace, stage: Stage): Promise<Map<string, Bound>> {
    const bound = new Map<string, Bound>();
    for (const mount of one.mounts) {
      if (mount.type !== "bind") continue;
      const mounted = await this.#mounted(mount.from, mount.source, stage);
      const content = boundContent(mounted.tree, mount.source, `line ${one.line}`);
      bound.set(mount.target, { ...mounted, content });
    }
    return bound;
  }

  async #mounted(from: FileSource, source: string, stage: Stage): Promise<MountedTree> {
    let at: StageLayers;
    if (from.kind === "stage") at = await this.stage(from.stage);
    else if (from.kind === "image") {
      const digest = parseDigest(from.digest, "mount");
      at = { base: await baseDocuments(from.reference, digest, stage.platform, this.#bench), steps: [] };
    } else if (from.kind === "scratch") at = { base: undefined, steps: [] };
    else {
      const nothing = { base: undefined, steps: [] };
      at = { base: undefined, steps: [await this.#copy(wholeCopy(from, source), nothing)] };
    }
    const records = recordsOf(at);
    return { records, tree: (await this.#layers(records, "mount")).tree };
  }

  #source(from: FileSource): Promise<ContentSource> {
    const name = JSON.stringify(from);
    const known = this.#sources.get(name) ?? this.#openSource(from);
    this.#sources.set(name, known);
    return known;
  }

  async #openSource(from: FileSource): Promise<ContentSource> {
    switch (from.kind) {
      case "stage":
        return this.#layers(
          recordsOf(await this.stage(from.stage)),
          `stage ${this.#graph.stages[from.stage]!.name}`,
        );
      case "image": {
        const { platform } = this.#graph.stages[this.#graph.target]!;
        const digest = parseDigest(from.digest, "copy");
        const { layers } = await baseDocuments(from.reference, digest, platform, this.#bench);
        return this.#layers(layers, from.reference);
      }
      case "scratch":
        return this.#layers([], "scratch");
      case "context": {
        const folder =
          from.name === undefined ? this.#settings.context : this.#settings.contexts.get(from.name)!;
        const { root, ignoreFile } = folder;
        // Docker leaves `.git` in, unless it is ignored.
        const options = { ignoreFiles: ["dockerignore"], keepsGit: true } as const;
        const own = ignoreFile === undefined ? {} : { dockerIgnorePath: ignoreFile };
        const open = await openContext(root, { ...options, ...own }, this.#bench);
        this.#contexts.push(open);
        return open.source;
      }
    }
  }

  async #treeOf(at: StageLayers): Promise<LayersSource | undefined> {
    const records = recordsOf(at);
    return records.length === 0 ? undefined : this.#layers(records, "the stage");
  }

  #layers(records: readonly LayerRecord[], where: string): Promise<LayersSource> {
    const name = records.map(({ diffId }) => diffId).join(" ");
    const known = this.#trees.get(name) ?? layersSource(records, where, this.#bench);
    this.#trees.set(name, known);
    return known;
  }

  get #mtimeSec(): number {
    return this.#settings.sourceDateEpoch ?? CONSTANT_MTIME;
  }
}

type Bound = MountedTree & { readonly content: string };

function layerFrom(one: StepPlace, { layer, content }: KnownStep, isReused: boolean): StageLayer | undefined {
  return layer === undefined ? undefined : { text: one.text, record: layer, content: content!, isReused };
}

/** Everything below `source` of a context, at its own paths. */
function wholeCopy(from: FileSource, source: string): CopyStep & StepPlace {
  const isRoot = isRootPath(source);
  return {
    op: "copy",
    sources: [{ kind: "files", from, paths: [isRoot ? "/" : source], isUnpacked: false }],
    destination: "/",
    isLinked: true,
    keepsParents: !isRoot,
    exclude: [],
    line: 0,
    text: "mount of the context",
  };
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

/** The command's own words are what people need. */
function stepFailed(one: StepPlace, exitCode: number, lastLines: readonly string[]): CambiumError {
  const shown = lastLines.slice(-10).map((line) => `\n    ${line}`);
  return new CambiumError(
    "STEP_FAILED",
    `line ${one.line}: ${one.text}: exit code ${exitCode}${shown.join("")}`,
    {
      hint: "The step's output is above; earlier steps are kept and are not run again.",
    },
  );
}
