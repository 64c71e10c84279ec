import { join } from "node:path";
import type { Layer } from "../../layer/layer.ts";
import type { Store } from "../../store/store.ts";
import { type Captured, type CaptureOptions, capture } from "./capture.ts";
import { checkEngine, type EngineHost } from "./check.ts";
import { discardHostFolder, type FolderContent, makeHostFolder, sizesOnDisk } from "./host-folders.ts";
import { createRunFolder, type RunFolder, sweepRunFolders } from "./run-folders.ts";
import { type OnLine, runStep, type StepEnd, type StepRequest } from "./run-step.ts";
import { type TreeName, Trees } from "./trees.ts";

export type EngineSettings = {
  /** Layers are unpacked and steps write below its root. */
  readonly store: Store;
  /** PATH of the caller, to find programs in. */
  readonly searchPath: string;
  /** A path or name instead of runc or crun from PATH. */
  readonly runtime?: string;
};

/** A step that has run. Its changes are there until `remove`, which the caller owes. */
export type FinishedStep = StepEnd & {
  /** Makes a layer of the changes; undefined when there are none. Once. */
  capture(options: CaptureOptions): Promise<Captured | undefined>;
  remove(): Promise<void>;
};

/** Runs steps on this machine, on overlays of layers, through runc or crun. */
export interface Engine {
  /** @throws CambiumError `ENGINE_MISSING`: all that this machine lacks, and what to install. Cheap. */
  check(): void;
  /** The layer as a folder, unpacked at first use, for `runStep`; `below` are the trees under it, bottom up. */
  treeOf(layer: Layer, below: readonly TreeName[], signal?: AbortSignal): Promise<TreeName>;
  /** @throws CambiumError, see `runStep`. */
  runStep(request: StepRequest, onLine: OnLine, signal?: AbortSignal): Promise<FinishedStep>;
  /** What is kept unpacked, for `cambium cache du`. */
  trees(): ReturnType<Trees["list"]>;
  /** Removes what was not used since a time, in milliseconds since the epoch. @returns how many. */
  prune(beforeMs: number): Promise<number>;
  /**
   * Makes a folder that steps share, whole or not at all, where nothing or an empty one is.
   * @throws CambiumError, see `makeHostFolder`.
   */
  makeFolder(path: string, content: FolderContent, signal?: AbortSignal): Promise<void>;
  /** Takes such a folder away, whole or not at all. */
  discardFolder(path: string): Promise<void>;
  /** What such folders take on disk, in bytes, by path. */
  sizesOnDisk(paths: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** From then on a prune may take the trees. */
  close(): void;
}

/** Nothing is looked for before it is needed. */
export function createEngine(settings: EngineSettings): Engine {
  const { store } = settings;
  const trees = new Trees(store);
  let found: EngineHost | undefined;
  const host = (): EngineHost => {
    found ??= { ...checkEngine({ ...settings, storeRoot: store.root }), emptyTree: trees.prepare() };
    return found;
  };
  let swept: Promise<void> | undefined;
  /** What builds left that were killed, once per engine. */
  const sweep = (): Promise<void> => {
    swept ??= sweepRunFolders(store, host());
    return swept;
  };
  return {
    check: () => {
      host();
    },
    async treeOf(layer, below, signal) {
      await sweep();
      return trees.treeOf(host(), layer, below, signal);
    },
    async runStep(request, onLine, signal) {
      await sweep();
      const folder = createRunFolder(store, trees.path, host());
      try {
        const end = await runStep(host(), folder, request, onLine, signal);
        return finishedStep(host(), store, trees, folder, request.trees, end);
      } catch (error) {
        await folder.remove();
        throw error;
      }
    },
    trees: () => trees.list(),
    async prune(beforeMs) {
      await sweep();
      return trees.prune(host(), beforeMs);
    },
    async makeFolder(path, content, signal) {
      await sweep();
      await makeHostFolder(host(), store, trees.path, path, content, signal);
    },
    async discardFolder(path) {
      await sweep();
      await discardHostFolder(host(), store, trees.path, path);
    },
    async sizesOnDisk(paths) {
      return paths.length === 0 ? new Map() : sizesOnDisk(host(), paths);
    },
    close: () => trees.close(),
  };
}

function finishedStep(
  host: EngineHost,
  store: Store,
  trees: Trees,
  folder: RunFolder,
  below: readonly TreeName[],
  end: StepEnd,
): FinishedStep {
  const upper = join(folder.path, "u");
  return {
    ...end,
    async capture(options) {
      const captured = await capture(host, store, { upper, treesPath: trees.path, trees: below }, options);
      // The next step finds the changes where they are, instead of unpacking the layer just made.
      if (captured?.isFaithful === true) trees.adopt(host, upper, captured.record.diffId, captured.tarBytes);
      return captured;
    },
    remove: () => folder.remove(),
  };
}
