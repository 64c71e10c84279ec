import { canonicalJson } from "../../canonical-json.ts";
import type { FileKeyDocument } from "../../explain/documents.ts";
import { isCommit } from "../../graph/defined-stages.ts";
import type {
  CopySourceOp,
  CopyStep,
  FileSource,
  Stage,
  StepPlace,
  WorkdirStep,
} from "../../graph/stages.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { compositionBlobs } from "../../store/stored-layer.ts";
import { lackingSegments } from "../image-layers.ts";
import type { LayersSource } from "../sources/layers-source.ts";
import type { Workbench } from "../workbench.ts";
import { accountsOf, copyLayer, copyStep } from "./copy-step.ts";
import { plannedStageLayer } from "./laid-layer.ts";
import { isRootPath, type MountedTree } from "./run-mounts.ts";
import type { StageFiles } from "./stage-files.ts";
import { contentsOf, layerFrom, recordsOf, type StageLayer, type StageLayers } from "./stage-layers.ts";
import { type KnownStep, knownStep, lostOrForgotten, madeSince, rememberStep } from "./step-memory.ts";
import { workdirStep } from "./workdir-step.ts";

const NOTHING: StageLayers = { base: undefined, steps: [] };

/** Steps that are computed: COPY, ADD, WORKDIR. */
export class FileSteps {
  readonly #files: StageFiles;
  readonly #mtimeSec: number;
  readonly #bench: Workbench;
  readonly #acceptsListed: boolean;

  /** @param acceptsListed as `RunSettings` has it */
  constructor(files: StageFiles, mtimeSec: number, bench: Workbench, acceptsListed = false) {
    this.#files = files;
    this.#mtimeSec = mtimeSec;
    this.#bench = bench;
    this.#acceptsListed = acceptsListed;
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
      const planned = async (isWhole: boolean) => {
        const segment = await copyStep(one, { ...input, isWhole }, this.#bench);
        return copyLayer(one, segment, below?.tree);
      };
      const listed = await planned(false);
      const lacking = lackingSegments([listed], this.#bench, this.#acceptsListed);
      return plannedStageLayer(lacking.size === 0 ? listed : await planned(true), this.#bench);
    });
    return layer!;
  }

  /** What the step came to before, if that is known without a tree or a file being read. */
  async known(
    one: (CopyStep | WorkdirStep) & StepPlace,
    at: StageLayers,
  ): Promise<{ readonly layer: StageLayer | undefined } | undefined> {
    const identities = one.op === "copy" ? await this.#identities(one) : [];
    if (identities === undefined) return undefined;
    const { key } = this.#keyOf(one, at, identities);
    const known = this.#known(key);
    if (known !== undefined) this.#noteHit(one, key, known);
    return known && { layer: layerFrom(one, known, true) };
  }

  /** Undefined when the directory is there. @throws CambiumError as `workdirStep`. */
  workdir(one: WorkdirStep & StepPlace, at: StageLayers): Promise<StageLayer | undefined> {
    return this.#remembered(one, at, [], async () => {
      const below = await this.#files.treeOf(at);
      const segment = await workdirStep(one, this.#inputOf(below), this.#bench);
      const laid = segment && copyLayer({ ...one, isLinked: false }, segment, below?.tree);
      return laid && plannedStageLayer(laid, this.#bench);
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
    return { records, tree: (await this.#files.layers(records, "mount")).tree, contents: contentsOf(at) };
  }

  /** Undefined: what it takes must be asked for each time. */
  async #identities(one: CopyStep): Promise<string[] | undefined> {
    const found: string[] = [];
    for (const source of one.sources) {
      if (source.kind === "inline" || source.kind === "generated") continue;
      const identity =
        source.kind === "files"
          ? await this.#files.identity(source.from, one.keepsParents ? ["/"] : source.paths)
          : pinnedIdentity(source);
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
    const { store, trace, isForgetful } = this.#bench;
    const { key, document } = this.#keyOf(one, at, identities ?? []);
    const known = identities && this.#known(key);
    if (known !== undefined) {
      this.#noteHit(one, key, known);
      return layerFrom(one, known, true);
    }
    const cause = lostOrForgotten(store, key, isForgetful);
    trace?.note(one, { outcome: "stopped", key, document, ...cause });
    const startedMs = performance.now();
    const layer = await work();
    const made = madeSince(startedMs);
    // The same files as ever are known, whatever was looked at to find that out.
    const isReused = layer?.isReused !== false;
    const found = identities === undefined ? this.#keyOf(one, at, [layer?.content ?? ""]) : { key, document };
    trace?.note(one, { outcome: isReused ? "hit" : "miss", ...found, ...cause, tookMs: made.tookMs });
    if (identities === undefined) return layer;
    const result = layer === undefined ? {} : { layer: layer.record, content: layer.content };
    rememberStep(store, key, document, { ...result, ...(!isReused && { made }) });
    return layer;
  }

  #noteHit(one: (CopyStep | WorkdirStep) & StepPlace, key: Digest, { made }: KnownStep): void {
    this.#bench.trace?.note(one, { outcome: "hit", key, ...(made !== undefined && { made }) });
  }

  #keyOf(one: (CopyStep | WorkdirStep) & StepPlace, at: StageLayers, identities: readonly string[]) {
    const { line: _, text: __, where: ___, ...step } = one;
    const document: FileKeyDocument = {
      ...{ version: 1, layoutVersions: LAYOUT_VERSIONS, step, sources: identities },
      ...{ below: contentsOf(at), mtimeSec: this.#mtimeSec },
    };
    return { key: digestOf(canonicalJson(document)), document };
  }

  #known(key: Digest): KnownStep | undefined {
    const { store, lease, isForgetful } = this.#bench;
    const known = isForgetful ? undefined : knownStep(store, key, this.#acceptsListed);
    if (known?.layer !== undefined) lease.protect(compositionBlobs(store, known.layer.descriptor.digest));
    return known;
  }

  #inputOf(below: LayersSource | undefined) {
    return { below: below?.tree, accounts: accountsOf(below?.tree), mtimeSec: this.#mtimeSec };
  }
}

/** Of a file whose digest, or a commit whose id is written: neither can change. Undefined for any other. */
export function pinnedIdentity(source: Extract<CopySourceOp, { kind: "http" | "git" }>): string | undefined {
  if (source.kind === "http") return source.checksum;
  return source.ref !== undefined && isCommit(source.ref) ? source.ref : undefined;
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
