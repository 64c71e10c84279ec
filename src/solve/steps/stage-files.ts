import type { ContentSource } from "../../context/content-source.ts";
import type { OpenContext } from "../../context/opened-context.ts";
import type { WalkOptions } from "../../context/walk.ts";
import type { FileSource, StageGraph } from "../../graph/stages.ts";
import { digestOf, parseDigest } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { Platform } from "../../platform.ts";
import { baseDocuments } from "../base-documents.ts";
import { openContext } from "../open-context.ts";
import { type LayersSource, layersSource } from "../sources/layers-source.ts";
import type { Workbench } from "../workbench.ts";
import { contentsOf, recordsOf, type StageLayers } from "./stage-layers.ts";

/**
 * A folder that files are taken from. `ignoreFile` instead of its `.dockerignore`, absolute. Without `walk` as Docker
 * walks it.
 */
export type ContextFolder = {
  readonly root: string;
  readonly ignoreFile?: string;
  readonly walk?: WalkOptions;
};

export type ContextFolders = {
  readonly context: ContextFolder;
  readonly contexts: ReadonlyMap<string, ContextFolder>;
};

/** What steps take files from, each opened once: contexts, other stages, images. */
export class StageFiles {
  readonly #graph: StageGraph;
  readonly #folders: ContextFolders;
  readonly #stage: (index: number) => Promise<StageLayers>;
  readonly #bench: Workbench;
  readonly #contexts = new Map<string, Promise<OpenContext>>();
  readonly #layers = new Map<string, Promise<LayersSource>>();

  constructor(
    graph: StageGraph,
    folders: ContextFolders,
    stage: (index: number) => Promise<StageLayers>,
    bench: Workbench,
  ) {
    this.#graph = graph;
    this.#folders = folders;
    this.#stage = stage;
    this.#bench = bench;
  }

  /** Of the build's own context. */
  get root(): string {
    return this.#folders.context.root;
  }

  async source(from: FileSource): Promise<ContentSource> {
    switch (from.kind) {
      case "context":
        return (await this.#context(from.name)).source;
      case "stage":
        return this.layers(recordsOf(await this.#stage(from.stage)), this.#nameOf(from.stage));
      case "image":
        return this.layers(recordsOf(await this.stack(from, this.#platform)), from.reference);
      case "scratch":
        return this.layers([], "scratch");
    }
  }

  /** A stage, an image or nothing as layers. */
  async stack(from: Exclude<FileSource, { kind: "context" }>, platform: Platform): Promise<StageLayers> {
    if (from.kind === "stage") return this.#stage(from.stage);
    if (from.kind === "scratch") return { base: undefined, steps: [] };
    const digest = parseDigest(from.digest, from.reference);
    return { base: await baseDocuments(from.reference, digest, platform, this.#bench), steps: [] };
  }

  /**
   * Changes whenever what is copied from `paths` may have, without a file being read. Undefined: a file changed just now,
   * and could again without its stamps showing it.
   */
  async identity(from: FileSource, paths: readonly string[]): Promise<string | undefined> {
    if (from.kind === "context") return (await this.#context(from.name)).stamp(paths);
    const contents = contentsOf(await this.stack(from, this.#platform));
    return digestOf(JSON.stringify(contents));
  }

  /** The file tree of layers, and its files as a source. */
  layers(records: readonly LayerRecord[], where: string): Promise<LayersSource> {
    const name = records.map(({ diffId }) => diffId).join(" ");
    const known = this.#layers.get(name) ?? layersSource(records, where, this.#bench);
    this.#layers.set(name, known);
    return known;
  }

  async treeOf(at: StageLayers): Promise<LayersSource | undefined> {
    const records = recordsOf(at);
    return records.length === 0 ? undefined : this.layers(records, "the stage");
  }

  /** Keeps what was computed of context files, for the next build. */
  async save(): Promise<void> {
    for (const { save } of await Promise.all(this.#contexts.values())) save();
  }

  #context(name: string | undefined): Promise<OpenContext> {
    const { root, ignoreFile, walk } =
      name === undefined ? this.#folders.context : this.#folders.contexts.get(name)!;
    const known = this.#contexts.get(root);
    if (known !== undefined) return known;
    // Docker leaves `.git` in, unless it is ignored.
    const options: WalkOptions = walk ?? { ignoreFiles: ["dockerignore"], keepsGit: true };
    const own = ignoreFile === undefined ? {} : { dockerIgnorePath: ignoreFile };
    const opened = openContext(root, { ...options, ...own }, this.#bench);
    this.#contexts.set(root, opened);
    return opened;
  }

  get #platform(): Platform {
    return this.#graph.stages[this.#graph.target]!.platform;
  }

  #nameOf(stage: number): string {
    return `stage ${this.#graph.stages[stage]!.name}`;
  }
}
