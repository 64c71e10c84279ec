import { type Chmod, parseChmod } from "../../context/chmod.ts";
import type { ContentSource } from "../../context/content-source.ts";
import {
  type CopySelection,
  type CopyTarget,
  copyInto,
  copyPath,
  namedPaths,
} from "../../context/copy-into.ts";
import { sourceTree } from "../../context/source-tree.ts";
import { TargetTree } from "../../context/target-tree.ts";
import { unpackInto } from "../../context/unpack-into.ts";
import {
  type CopySourceOp,
  type CopyStep,
  type FileSource,
  type StepPlace,
  whereOf,
} from "../../graph/stages.ts";
import type { ImageTree } from "../../image/image-tree.ts";
import type { Segment } from "../../layer/segment.ts";
import { filesSegment } from "../files.ts";
import type { PlannedLayer } from "../image-layers.ts";
import { archiveSource } from "../sources/archive-source.ts";
import { gitSource } from "../sources/git-source.ts";
import { httpSource } from "../sources/http-source.ts";
import { generatedSource, inlineSource } from "../sources/made-sources.ts";
import type { Workbench } from "../workbench.ts";
import { type AccountFiles, chownOwner } from "./copy-owner.ts";
import { laidLayer } from "./laid-layer.ts";

export type CopyInput = {
  /** Gives the files of a context, stage or image; asked once for each that is named. */
  readonly sources: (from: FileSource) => Promise<ContentSource>;
  /** The stage so far; absent for scratch. */
  readonly below: ImageTree | undefined;
  /** Of the stage; `accountsOf(below)` where its listings kept them. */
  readonly accounts: AccountFiles;
  /** Of every entry: CONSTANT_MTIME, or SOURCE_DATE_EPOCH. */
  readonly mtimeSec: number;
  /** False: a segment that is known will do without bytes. */
  readonly isWhole?: boolean;
  /** The project's folder and stage, or whatever else is the same in the next build: see `FilesLabel`. */
  readonly slot?: string;
};

export type CopyBench = Pick<Workbench, "store" | "client" | "lease" | "signal" | "env"> &
  Partial<Pick<Workbench, "pool">>;

/** passwd and group of a tree whose listings were read for `BASE_FILES`. */
export function accountsOf(tree: ImageTree | undefined): AccountFiles {
  return { passwd: tree?.text("etc/passwd"), group: tree?.text("etc/group") };
}

/**
 * What a COPY or ADD puts into its stage. The segment's id says what was found and where it goes: the same for the same
 * files, from wherever they come. Without entries when a wildcard matched nothing; such a step is an empty layer, as it
 * is in BuildKit.
 * @throws CambiumError as `copyInto`, `unpackInto`, `parseChmod`, `chownOwner`, the sources and `filesSegment`.
 */
export async function copyStep(
  step: CopyStep & StepPlace,
  input: CopyInput,
  bench: CopyBench,
): Promise<Segment> {
  const where = whereOf(step);
  const target = new TargetTree(standsAlone(step) ? undefined : input.below);
  const to: CopyTarget = {
    destination: step.destination,
    ...(step.owner !== undefined && { owner: chownOwner(step.owner, input.accounts, where) }),
    ...(step.chmod !== undefined && { chmod: chmodOf(step.chmod, step.opensDirectories, where) }),
  };
  for (const op of step.sources) await takeSource(op, { target, to, step }, input, bench);
  const label = {
    ...{ name: step.text, key: String(step.line).padStart(6, "0"), mtimeSec: input.mtimeSec },
    ...(input.isWhole !== undefined && { isWhole: input.isWhole }),
    ...(input.slot !== undefined && { slot: `${input.slot} ${step.text}` }),
  };
  return filesSegment(label, target.entries(), bench);
}

function chmodOf(text: string, opensDirectories: boolean | undefined, where: string): Chmod {
  const { apply, parentMode } = parseChmod(text, where);
  if (opensDirectories !== true || !/^[0-7]+$/.test(text)) return { apply, parentMode };
  const opened = (mode: number) => mode | ((mode & 0o444) >> 2);
  return {
    apply: (mode, isDirectory) => (isDirectory ? opened(apply(mode, true)) : apply(mode, false)),
    parentMode: opened(parentMode),
  };
}

/** Into a layer that knows nothing of what is below. With `--chmod` BuildKit copies as if there were no `--link`. */
function standsAlone({ isLinked, chmod }: Pick<CopyStep, "isLinked" | "chmod">): boolean {
  return isLinked && chmod === undefined;
}

type Into = {
  readonly target: TargetTree;
  readonly to: CopyTarget;
  readonly step: CopyStep;
};

async function takeSource(op: CopySourceOp, into: Into, input: CopyInput, bench: CopyBench): Promise<void> {
  const { target, to, step } = into;
  const { exclude, keepsParents } = step;
  if (op.kind === "files") {
    const source = await input.sources(op.from);
    for (const path of op.paths) {
      const selection = { path, isPattern: true, exclude, keepsParents };
      if (op.isUnpacked) await copyOrUnpack(into, source, selection, bench);
      else copyInto(target, sourceTree(source), selection, to);
    }
    return;
  }
  const whole = { path: "/", isPattern: false, exclude };
  if (op.kind === "git" || op.kind === "generated") {
    const source = op.kind === "git" ? await gitSource(op, bench) : generatedSource(op.files);
    copyInto(target, sourceTree(source), whole, to);
    return;
  }
  const source = op.kind === "inline" ? inlineSource(op.name, op.content) : await httpSource(op, bench);
  const selection = { ...whole, path: source.entries[0]!.path };
  if (op.kind === "http" && op.isUnpacked) await copyOrUnpack(into, source, selection, bench);
  else copyInto(target, sourceTree(source), selection, to);
}

/** Files that are archives are unpacked, the others copied, in the order in which they are named. */
async function copyOrUnpack(
  { target, to }: Into,
  source: ContentSource,
  selection: CopySelection,
  bench: CopyBench,
): Promise<void> {
  const tree = sourceTree(source);
  for (const path of namedPaths(tree, selection)) {
    const file = tree.entry(tree.resolve(path) ?? path);
    const archive = file?.type === "file" ? await archiveSource(source, file, bench) : undefined;
    if (archive === undefined) copyPath(target, tree, path, selection, to);
    else unpackInto(target, sourceTree(archive), to);
  }
}

/**
 * The layer of a copy: its segment with the directories above it as they are below, or as root's if it stands alone.
 * Its files land where the segment says, also over directories and links of lower layers.
 */
export function copyLayer(
  step: Pick<CopyStep, "isLinked" | "chmod"> & Pick<StepPlace, "text">,
  segment: Segment,
  below: ImageTree | undefined,
): PlannedLayer {
  const tree = standsAlone(step) ? undefined : below;
  return laidLayer(step.text, segment, (path) => tree?.entry(path));
}
