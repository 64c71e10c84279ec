import { canonicalJson } from "../../canonical-json.ts";
import type { CopyStep, FileSource, Stage, StepPlace, WorkdirStep } from "../../graph/stages.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import type { Segment } from "../../layer/segment.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { compositionBlobs } from "../../store/stored-layer.ts";
import { describeLayers } from "../image-layers.ts";
import type { Workbench } from "../workbench.ts";
import { accountsOf, copyLayer, copyStep } from "./copy-step.ts";
import type { LayersSource } from "./layers-source.ts";
import { isRootPath, type MountedTree } from "./run-mounts.ts";
import type { StageFiles } from "./stage-files.ts";
import { contentsOf, layerFrom, recordsOf, type StageLayer, type StageLayers } from "./stage-layers.ts";
import { type KnownStep, knownStep, rememberStep } from "./step-memory.ts";
import { workdirStep } from "./workdir-step.ts";

const NOTHING: StageLayers = { base: undefined, steps: [] };

/** Steps that are computed: COPY, ADD, WORKDIR. */
export class FileSteps {
  readonly #files: StageFiles;
  readonly #mtimeSec: number;
  readonly #bench: Workbench;

  constructor(files: StageFiles, mtimeSec: number, bench: Workbench) {
    this.#files = files;
    this.#mtimeSec = mtimeSec;
    this.#bench = bench;
  }

  /**
   * @param where the stage, or what else is the same in the next build: contents of the same copy before are used again
   * @throws CambiumError as `copyStep`.
   */
  async copy(one: CopyStep & StepPlace, at: StageLayers, where: string): Promise<StageLayer> {
    const layer = await this.#remembered(one, at, await this.#identities(one), async () => {
      const below = await this.#files.treeOf(at);
      const input = {
        sources: (from: FileSource) => this.#files.source(from),
        ...this.#inputOf(below),
        slot: `${this.#files.root} ${where}`,
      };
      return this.#layerOf(one, await copyStep(one, input, this.#bench), below);
    });
    return layer!;
  }

  /** Undefined when the directory is there. @throws CambiumError as `workdirStep`. */
  workdir(one: WorkdirStep & StepPlace, at: StageLayers): Promise<StageLayer | undefined> {
    return this.#remembered(one, at, [], async () => {
      const below = await this.#files.treeOf(at);
      const segment = await workdirStep(one, this.#inputOf(below), this.#bench);
      return segment && this.#layerOf({ ...one, isLinked: false }, segment, below);
    });
  }

  /** All files of a context as a stage of their own. */
  async whole(from: FileSource): Promise<StageLayers> {
    return { base: undefined, steps: [await this.copy(wholeCopy(from, "/"), NOTHING, nameOf(from))] };
  }

  /** What a mount shows. Files of a context become a layer, so that what ignore files leave out is not there. */
  async mounted(from: FileSource, source: string, stage: Stage): Promise<MountedTree> {
    const at =
      from.kind === "context"
        ? {
            base: undefined,
            steps: [await this.copy(wholeCopy(from, source), NOTHING, `${nameOf(from)} ${source}`)],
          }
        : await this.#files.stack(from, stage.platform);
    const records = recordsOf(at);
    return { records, tree: (await this.#files.layers(records, "mount")).tree };
  }

  /** Undefined: what it takes must be asked for each time. */
  async #identities(one: CopyStep): Promise<string[] | undefined> {
    const found: string[] = [];
    for (const source of one.sources) {
      if (source.kind === "inline") continue;
      const identity = source.kind === "files" ? await this.#files.identity(source.from) : undefined;
      if (identity === undefined) return undefined;
      found.push(identity);
    }
    return found;
  }

  /** What came of the same step on the same files: neither a tree is built nor a file read for it. */
  async #remembered(
    one: (CopyStep | WorkdirStep) & StepPlace,
    at: StageLayers,
    identities: readonly string[] | undefined,
    work: () => Promise<StageLayer | undefined>,
  ): Promise<StageLayer | undefined> {
    if (identities === undefined) return work();
    const { store } = this.#bench;
    const { line: _, text: __, ...step } = one;
    const document = {
      ...{ version: 1, layoutVersions: LAYOUT_VERSIONS, step, sources: identities },
      ...{ below: contentsOf(at), mtimeSec: this.#mtimeSec },
    };
    const key = digestOf(canonicalJson(document));
    const known = this.#known(key);
    if (known !== undefined) return layerFrom(one, known, true);
    const layer = await work();
    const result = layer === undefined ? {} : { layer: layer.record, content: layer.content };
    rememberStep(store, key, document, result);
    return layer;
  }

  #known(key: Digest): KnownStep | undefined {
    const { store, lease, isForgetful } = this.#bench;
    const known = isForgetful ? undefined : knownStep(store, key);
    if (known?.layer !== undefined) lease.protect(compositionBlobs(store, known.layer.descriptor.digest));
    return known;
  }

  #inputOf(below: LayersSource | undefined) {
    return { below: below?.tree, accounts: accountsOf(below?.tree), mtimeSec: this.#mtimeSec };
  }

  /** Its bytes are composed when something reads them. */
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
}

/** Of a context that is a stage or a mount as a whole. */
function nameOf(from: FileSource): string {
  return `context ${"name" in from ? from.name : ""}`;
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
    text: "files of the context",
  };
}
