import { join } from "node:path";
import type { DiffId } from "../../layer/digest.ts";
import type { Layer } from "../../layer/layer.ts";
import type { FoundPath } from "../../store/found-paths.ts";
import type { RemoveTrees } from "../../store/prune.ts";
import type { Store } from "../../store/store.ts";
import { type Captured, type CaptureOptions, capture } from "./capture.ts";
import { type CheckSettings, checkEngine, type EngineHost } from "./check.ts";
import { discardHostFolder, type FolderContent, makeHostFolder, sizesOnDisk } from "./host-folders.ts";
import { type FolderTar, type FolderTarOptions, listFolder, readFolder } from "./read-folder.ts";
import { createRunFolder, type RunFolder, sweepRunFolders } from "./run-folders.ts";
import { type OnLine, runStep, type StepEnd, type StepRequest } from "./run-step.ts";
import { type TreeName, Trees } from "./trees.ts";

export type EngineSettings = CheckSettings & {
  /** Layers are unpacked and steps write below its root. */
  readonly store: Store;
};

/** A step that has run. Its changes are there until `remove`, which the caller owes. */
export type FinishedStep = StepEnd & {
  /** What it changed, as a tree above those that it ran on; there until `remove`. */
  readonly changes: TreeName;
  /** Makes a layer of the changes; undefined when there are none. Once. */
  capture(options: CaptureOptions): Promise<Captured | undefined>;
  remove(): Promise<void>;
};

/** Runs steps on this machine, on overlays of layers, through runc or crun. */
export interface Engine {
  /**
   * To be asked before any work. Takes some 10 ms, a plain user's with a trial 50 ms; once.
   * @throws CambiumError `ENGINE_MISSING`: all that this machine lacks, and what to install; `ENGINE_USER_NAMESPACE`.
   */
  check(): Promise<void>;
  /** The layer as a folder, unpacked at first use, for `runStep`; `below` are the trees under it, bottom up. */
  treeOf(layer: Layer, below: readonly TreeName[], signal?: AbortSignal): Promise<TreeName>;
  /** Whether `treeOf` will probably do without the layer's bytes. */
  hasTree(diffId: DiffId): Promise<boolean>;
  /** @throws CambiumError, see `runStep`. */
  runStep(request: StepRequest, onLine: OnLine, signal?: AbortSignal): Promise<FinishedStep>;
  /** What is kept unpacked, for `cambium cache du`. */
  trees(): ReturnType<Trees["list"]>;
  /** Removes unpacked layers that were not used since they were listed. @returns which went. */
  removeTrees: RemoveTrees;
  /**
   * Makes a folder that steps share, alone in a folder of its own: whole or not at all, in place of what is there.
   * @throws CambiumError, see `makeHostFolder`.
   */
  makeFolder(path: string, content: FolderContent, signal?: AbortSignal): Promise<void>;
  /** Takes such a folder away, whole or not at all. */
  discardFolder(path: string): Promise<void>;
  /** Every path of such a folder. @throws CambiumError as `listFolder`. */
  listFolder(path: string, signal?: AbortSignal): Promise<FoundPath[]>;
  /** Paths of such a folder as a tar. @throws CambiumError as `readFolder`. */
  readFolder(path: string, options: FolderTarOptions): Promise<FolderTar>;
  /** What such folders take on disk, in bytes, by path. */
  sizesOnDisk(paths: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** From then on a prune may take the trees. */
  close(): void;
}

/** Nothing is looked for before it is needed. */
export function createEngine(settings: EngineSettings): Engine {
  const { store } = settings;
  const trees = new Trees(store);
  let ready: Promise<EngineHost> | undefined;
  /** Also removes what builds left that were killed, once per engine. */
  const host = (): Promise<EngineHost> => {
    ready ??= checkEngine(store, trees, settings).then(async (found) => {
      await sweepRunFolders(store, found);
      return found;
    });
    return ready;
  };
  return {
    check: async () => {
      await host();
    },
    treeOf: async (layer, below, signal) => trees.treeOf(await host(), layer, below, signal),
    hasTree: async (diffId) => trees.has(await host(), diffId),
    async runStep(request, onLine, signal) {
      const machine = await host();
      const folder = createRunFolder(store, trees.path, machine);
      try {
        const end = await runStep(machine, folder, request, onLine, signal);
        return finishedStep(machine, store, trees, folder, request.trees, end);
      } catch (error) {
        await folder.remove();
        throw error;
      }
    },
    trees: () => trees.list(),
    removeTrees: async (usedMs) => trees.prune(await host(), usedMs),
    makeFolder: async (path, content, signal) =>
      makeHostFolder(await host(), store, trees.path, path, content, signal),
    discardFolder: async (path) => discardHostFolder(await host(), store, trees.path, path),
    listFolder: async (path, signal) => listFolder(await host(), path, signal),
    readFolder: async (path, options) => readFolder(await host(), path, options),
    sizesOnDisk: async (paths) => (paths.length === 0 ? new Map() : sizesOnDisk(await host(), paths)),
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
    changes: `${folder.near}/u`,
    async capture(options) {
      const captured = await capture(host, store, { upper, treesPath: trees.path, trees: below }, options);
      // The next step finds the changes where they are, instead of unpacking the layer just made.
      if (captured?.isFaithful === true) {
        await trees.adopt(host, folder, captured.record.diffId, captured.tarBytes);
      }
      return captured;
    },
    remove: () => folder.remove(),
  };
}
