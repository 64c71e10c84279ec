import { BASE_FILES } from "../../ecosystems/read-base.ts";
import type { Engine, FinishedStep } from "../../engine/embedded/engine.ts";
import type { StepRequest } from "../../engine/embedded/run-step.ts";
import { CambiumError, messageOf } from "../../errors.ts";
import type { LoggedOutcome, Made } from "../../explain/logged-build.ts";
import {
  type CacheMount,
  type RunStep,
  type Stage,
  type StageGraph,
  type StepPlace,
  whereOf,
} from "../../graph/stages.ts";
import { keyOf, type RunKeyDocument, runKeyDocument } from "../../graph/step-key.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import { deflateEach } from "../deflate-each.ts";
import { type FetchedSnapshot, type MountRemotes, MountSnapshots } from "../mounts/mount-snapshots.ts";
import { step, type Workbench } from "../workbench.ts";
import {
  cacheMountsOf,
  type HeldMounts,
  holdCacheMounts,
  type MountContents,
  type Seed,
  seedOf,
} from "./cache-mounts.ts";
import type { FileSteps } from "./file-steps.ts";
import { layerTrees } from "./layer-trees.ts";
import { boundContent, type Lent, type MountedTree, runMounts } from "./run-mounts.ts";
import type { StageFiles } from "./stage-files.ts";
import {
  contentsOf,
  layerFrom,
  recordsOf,
  type StageLayer,
  type StageLayers,
  stepName,
} from "./stage-layers.ts";
import {
  assertHad,
  contentOf,
  equalLayer,
  type KnownStep,
  knownStep,
  lostOrForgotten,
  madeSince,
  rememberCaptured,
  rememberStep,
} from "./step-memory.ts";
import type { StepRecords } from "./step-records.ts";

export type RunSettings = {
  readonly lent: Lent;
  readonly sourceDateEpoch?: number;
  /** `--network`: of steps that say nothing. */
  readonly network: "host" | "none";
  /** `--allow security.insecure`. */
  readonly allowsInsecure: boolean;
  /** `--on-error shell`: the first step that fails takes it, and then the terminal. */
  readonly shell?: { isTaken: boolean };
  /** Of other machines. */
  readonly records?: StepRecords;
  /** Where content of cache mounts can be had that this machine lacks. */
  readonly mounts?: MountRemotes;
  /** A step of which only the listing of its layer is known counts as done, as long as nothing reads the layer. */
  readonly acceptsListed?: boolean;
};

type Run = RunStep & StepPlace;
/** What a bind mount shows: its digest for the key, and itself for who runs the step. */
type Bound = { readonly content: string; readonly mounted: () => Promise<MountedTree> };

/** RUN: found by its key, or run by the engine and captured. */
export class RunSteps {
  readonly #files: StageFiles;
  readonly #fileSteps: FileSteps;
  readonly #settings: RunSettings;
  readonly #proxies: StageGraph["proxies"];
  readonly #engine: Engine;
  readonly #bench: Workbench;
  readonly #snapshots: MountSnapshots | undefined;

  constructor(
    files: StageFiles,
    fileSteps: FileSteps,
    settings: RunSettings & Pick<StageGraph, "proxies">,
    engine: Engine,
    bench: Workbench,
  ) {
    this.#files = files;
    this.#fileSteps = fileSteps;
    this.#settings = settings;
    this.#proxies = settings.proxies;
    this.#engine = engine;
    this.#bench = bench;
    this.#snapshots = settings.mounts && new MountSnapshots(settings.mounts, bench);
  }

  /** Undefined when the step changed nothing. @throws CambiumError `STEP_FAILED`, `STEP_INSECURE`, and as `runStep`. */
  async run(one: Run, at: StageLayers, stage: Stage): Promise<StageLayer | undefined> {
    const bound = await this.#bound(one, stage);
    const document = this.#keyDocument(one, at, stage, bound);
    const key = keyOf(document);
    const { store, signal } = this.#bench;
    const { records, acceptsListed } = this.#settings;
    const name = stepName(stage, one);
    const here = this.#known(key);
    const found = here === undefined ? await this.#recorded(key, stage, document) : undefined;
    const before = here ?? found?.known;
    const note = this.#noteFor(one, key, document, before);
    // Said before the step begins: nothing has failed, what is below is done again.
    if (before === undefined && acceptsListed === true) assertHad(store, recordsOf(at));
    return step(this.#bench, name, async () => {
      if (before !== undefined) {
        records?.note(key, stage, before);
        const from = found === undefined ? {} : { detail: `from ${found.place}` };
        return { value: layerFrom(one, before, true), outcome: "hit", ...from };
      }
      this.#assertAllowed(one);
      // Besides the layers, the mounts are brought and filled.
      const trees = layerTrees(recordsOf(at), this.#engine, this.#bench);
      const ended = trees.catch(() => undefined);
      try {
        const contents = await this.#mountContents(one, stage);
        // Two builds of the same step wait for one another: the second finds what the first made.
        return await store.exclusive(
          `step ${key}`,
          async () => {
            const meanwhile = this.#known(key);
            const startedMs = performance.now();
            const result =
              meanwhile ?? (await this.#made(startedMs, this.#execute(one, trees, bound, contents, name)));
            note(meanwhile === undefined ? "miss" : "hit", result.made);
            records?.note(key, stage, result);
            if (meanwhile !== undefined) return { value: layerFrom(one, meanwhile, true), outcome: "hit" };
            rememberStep(store, key, document, result);
            return { value: layerFrom(one, result, false), outcome: "done" };
          },
          { signal },
        );
      } finally {
        await ended;
      }
    });
  }

  #assertAllowed(one: Run): void {
    if (one.security !== "insecure" || this.#settings.allowsInsecure) return;
    throw new CambiumError("STEP_INSECURE", `${whereOf(one)}: --security=insecure is not allowed here`, {
      hint: "Allow it for this build: --allow security.insecure",
      exitCode: 2,
    });
  }

  /** Notes how the step goes: at first as what it is should it end here. */
  #noteFor(one: Run, key: Digest, document: RunKeyDocument, before: KnownStep | undefined) {
    const { trace, store, isForgetful } = this.#bench;
    const missed = before ? {} : { document, ...lostOrForgotten(store, key, isForgetful) };
    const note = (outcome: LoggedOutcome, made: Made | undefined) => {
      const { tookMs } = made ?? {};
      trace?.note(one, {
        ...{ outcome, key, ...missed },
        ...(outcome === "miss" && tookMs !== undefined && { tookMs }),
        ...(outcome === "hit" && made !== undefined && { made }),
      });
    };
    note(before === undefined ? "stopped" : "hit", before?.made);
    return note;
  }

  async #made(startedMs: number, work: Promise<KnownStep>): Promise<KnownStep> {
    return { ...(await work), made: madeSince(startedMs) };
  }

  /** What another machine says that the step comes to. */
  async #recorded(
    key: Digest,
    stage: Stage,
    document: unknown,
  ): Promise<{ readonly known: KnownStep; readonly place: string } | undefined> {
    const { store, isForgetful } = this.#bench;
    const found = isForgetful ? undefined : await this.#settings.records?.find(key, stage);
    if (found === undefined) return undefined;
    const { result, place } = found;
    rememberStep(store, key, document, { ...result, made: { ...result.made, where: place } });
    if (result.layer !== undefined) rememberCaptured(store, result.content!, result.layer);
    const known = this.#known(key);
    return known && { known, place };
  }

  /** What the step came to before, if it is known. */
  async known(
    one: Run,
    at: StageLayers,
    stage: Stage,
  ): Promise<{ readonly layer: StageLayer | undefined } | undefined> {
    const bound = await this.#bound(one, stage);
    const document = this.#keyDocument(one, at, stage, bound);
    const key = keyOf(document);
    const known = this.#known(key);
    this.#noteFor(one, key, document, known)(known === undefined ? "miss" : "hit", known?.made);
    return known && { layer: layerFrom(one, known, true) };
  }

  #keyDocument(one: Run, at: StageLayers, stage: Stage, bound: ReadonlyMap<string, Bound>) {
    const contents = new Map([...bound].map(([target, { content }]) => [target, content]));
    const { sourceDateEpoch } = this.#settings;
    return runKeyDocument(one, {
      ...{ platform: stage.platform, below: contentsOf(at), contents },
      ...(sourceDateEpoch !== undefined && { sourceDateEpoch }),
    });
  }

  #known(key: Digest): KnownStep | undefined {
    const { store, lease, isForgetful } = this.#bench;
    const known = isForgetful ? undefined : knownStep(store, key, this.#settings.acceptsListed);
    if (known?.layer !== undefined) lease.protect([known.layer.descriptor.digest]);
    return known;
  }

  async #execute(
    one: Run,
    trees: Promise<readonly string[]>,
    bound: ReadonlyMap<string, Bound>,
    contents: MountContents,
    name: string,
  ): Promise<KnownStep> {
    const shown = new Map<string, MountedTree>();
    for (const [target, { mounted }] of bound) shown.set(target, await mounted());
    const { project } = this.#settings.lent;
    const held = await holdCacheMounts(one, contents, project, this.#engine, this.#bench);
    try {
      return await this.#executeWith(one, await trees, shown, held, name);
    } finally {
      held.release();
    }
  }

  async #executeWith(
    one: Run,
    trees: readonly string[],
    shown: ReadonlyMap<string, MountedTree>,
    { folders, noteRun }: HeldMounts,
    name: string,
  ): Promise<KnownStep> {
    const { emit, signal } = this.#bench;
    const { lent, network, shell } = this.#settings;
    const treesOf = (records: readonly LayerRecord[]) => layerTrees(records, this.#engine, this.#bench);
    const prepared = await runMounts(one, shown, treesOf, folders, lent, emit);
    const own = new Set(one.env.map(([variable]) => variable));
    const proxies = this.#proxies.filter(([variable]) => !own.has(variable));
    const env = [...one.env, ...proxies].map(([variable, value]) => `${variable}=${value}`);
    const { argv, cwd, user, security } = one;
    const request: StepRequest = {
      ...{ trees, argv, cwd, user, security, env: [...env, ...prepared.env] },
      network: one.network === "default" ? network : one.network,
      mounts: prepared.mounts,
      aptSources: lent.aptSources,
      ...(lent.caBundle !== undefined && { caBundle: lent.caBundle }),
    };
    const began = performance.now();
    const finished = await this.#engine.runStep(
      request,
      (line, stream) => emit({ type: "step-output", id: name, line, stream }),
      signal,
    );
    try {
      if (finished.exitCode !== 0) {
        const failure = stepFailed(one, finished.exitCode, finished.lastLines);
        if (shell?.isTaken === false) {
          shell.isTaken = true;
          await this.#showShell(request, finished, failure);
        }
        throw failure;
      }
      noteRun(performance.now() - began);
      return await this.#captured(finished);
    } finally {
      await finished.remove();
    }
  }

  /** A shell on the terminal, in what a failed step left; nothing of what it does is kept. */
  async #showShell(request: StepRequest, failed: FinishedStep, failure: CambiumError): Promise<void> {
    const { emit, signal, env } = this.#bench;
    emit({
      type: "warning",
      code: "STEP_SHELL",
      message: `${failure.message}\nA shell in what it left; exit ends the build.`,
    });
    emit({ type: "process-started" });
    const hasTerm = request.env.some((line) => line.startsWith("TERM="));
    try {
      const ended = await this.#engine.runStep(
        {
          ...request,
          trees: [...request.trees, failed.changes],
          argv: shellOf(request.argv),
          env: hasTerm ? request.env : [...request.env, `TERM=${env.TERM ?? "xterm"}`],
          hasTerminal: true,
        },
        () => undefined,
        signal,
      );
      await ended.remove();
    } catch (error) {
      signal.throwIfAborted();
      // The step's own failure is what ends the build.
      emit({ type: "warning", code: "STEP_SHELL", message: `no shell: ${messageOf(error)}` });
    }
  }

  async #captured(finished: Awaited<ReturnType<Engine["runStep"]>>): Promise<KnownStep> {
    const { store, signal, lease, pool } = this.#bench;
    const { sourceDateEpoch } = this.#settings;
    const compress = async (bytes: Uint8Array) => (await deflateEach(pool, [bytes]))[0]!;
    const captured = await finished.capture({
      ...{ wanted: BASE_FILES, signal, compress, parallel: pool.size },
      ...(sourceDateEpoch !== undefined && { latestSec: sourceDateEpoch }),
    });
    if (captured === undefined) return {};
    const content = contentOf(captured.listing);
    const layer = equalLayer(store, content) ?? captured.record;
    lease.protect([layer.descriptor.digest]);
    rememberCaptured(store, content, layer);
    return { layer, content };
  }

  /**
   * What cache mounts without content begin with: before any lock is held, since it may take its time, and a seed's stage
   * might wait for that lock. A seed is not asked for where there is a snapshot.
   */
  async #mountContents(one: Run, stage: Stage): Promise<MountContents> {
    const snapshots = this.#snapshots;
    const fetched = new Map<CacheMount, FetchedSnapshot>();
    const seeds = new Map<CacheMount, Seed>();
    for (const { mount, use, from } of cacheMountsOf(one, this.#settings.lent.project, this.#bench.store)) {
      const found = await snapshots?.fetch(use);
      if (found !== undefined) {
        fetched.set(mount, found);
      } else if (from !== undefined) {
        const mounted = await this.#fileSteps.mounted(from, mount.source ?? "", stage);
        const trees = await layerTrees(mounted.records, this.#engine, this.#bench);
        seeds.set(mount, seedOf(mount, mounted.tree, trees, whereOf(one)));
      }
    }
    return { fetched, seeds, ...(snapshots !== undefined && { snapshots }) };
  }

  /** What bind mounts show, by target; of files that were mounted before, the digest is known without their tree. */
  async #bound(one: Run, stage: Stage): Promise<Map<string, Bound>> {
    const { store } = this.#bench;
    const bound = new Map<string, Bound>();
    for (const mount of one.mounts) {
      if (mount.type !== "bind") continue;
      const { from, source, target } = mount;
      const mounted = () => this.#fileSteps.mounted(from, source, stage);
      const identity = await this.#files.identity(from, [source]);
      const key = identity && digestOf(JSON.stringify([identity, source]));
      let content = key === undefined ? undefined : (store.records.get("bound", key) as string | undefined);
      if (content === undefined) {
        const { tree, contents } = await mounted();
        content = boundContent(tree, source, whereOf(one));
        store.records.put("bound-from", content, { source, contents });
        if (key !== undefined) store.records.put("bound", key, content);
      }
      bound.set(target, { content, mounted });
    }
    return bound;
  }
}

/** The one that the step ran in, else the one that nearly every image has. */
function shellOf([program = ""]: readonly string[]): string[] {
  return [/(^|\/)[a-z]*sh$/.test(program) ? program : "/bin/sh"];
}

/** The command's own words are what people need. */
function stepFailed(one: StepPlace, exitCode: number, lastLines: readonly string[]): CambiumError {
  const shown = lastLines.slice(-10).map((line) => `\n    ${line}`);
  return new CambiumError(
    "STEP_FAILED",
    `${whereOf(one)}: ${one.text}: exit code ${exitCode}${shown.join("")}`,
    { hint: "The step's output is above; earlier steps are kept and are not run again." },
  );
}
