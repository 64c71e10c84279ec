import type { ConfigOp, Definition } from "./definition.ts";
import type {
  CopySourceOp,
  CopyStep,
  FileSource,
  MergeStep,
  RunStep,
  StageBase,
  StepMount,
  StepPlace,
} from "./stages.ts";

/**
 * A build in stages as a definition says it: what `StageGraph` is, before packages are locked, and before it is known
 * what references, URLs and branches mean. Plain data, free of I/O; a stage names only earlier ones.
 */
export type DefinedStages = {
  readonly stages: readonly DefinedStage[];
  /** The image. */
  readonly target: number;
};

export type DefinedStage = {
  /** As written; the image's own stage is `image`. */
  readonly name: string;
  /** The image itself: its packages are the lock's own, not those of a stage. */
  readonly isImage: boolean;
  readonly base: DefinedBase;
  /** Applied in this order. */
  readonly steps: readonly DefinedStep[];
  /** Of the image that this stage is. What it does not say is its base's. */
  readonly config: ConfigOp;
};

export type DefinedBase =
  | Extract<StageBase, { readonly kind: "scratch" | "stage" | "diff" }>
  | { readonly kind: "packages"; readonly packages: PackageSet };

/** What is computed before the first step. */
export type PackageSet = Pick<Definition, "base" | "python" | "users"> & {
  /** False: nothing was said of the base, so the project's Python may decide it. */
  readonly isBaseSet: boolean;
  /** Those of the base that nobody asked for, but commands may need; an image of a registry has what it has. */
  readonly forCommands: readonly string[];
};

/** As a definition has them. */
export function definedPackages({
  base,
  python,
  users,
}: PackageSet): Pick<Definition, "base" | "python" | "users"> {
  return { base, users, ...(python !== undefined && { python }) };
}

export type DefinedSource =
  | Exclude<FileSource, { readonly kind: "image" }>
  /** In full: registry, repository, and a tag or a digest. */
  | { readonly kind: "image"; readonly reference: string };

type Bind = Extract<StepMount, { readonly type: "bind" }>;
type Cache = Extract<StepMount, { readonly type: "cache" }>;
export type DefinedMount =
  | Exclude<StepMount, Bind | Cache>
  | (Omit<Bind, "from"> & { readonly from: DefinedSource })
  | (Omit<Cache, "from"> & { readonly from?: DefinedSource });

/** `env` is the step's own, above that of its stage. */
export type DefinedRun = Omit<RunStep, "mounts"> & { readonly mounts: readonly DefinedMount[] };

type Files = Extract<CopySourceOp, { readonly kind: "files" }>;
export type DefinedCopySource =
  | Exclude<CopySourceOp, Files>
  | (Omit<Files, "from"> & { readonly from: DefinedSource });
export type DefinedCopy = Omit<CopyStep, "sources"> & { readonly sources: readonly DefinedCopySource[] };

export type DefinedStep = StepPlace & (DefinedRun | DefinedCopy | MergeStep);

/** The stages that one needs, itself among them, in their order. */
export function neededStages({ stages }: Pick<DefinedStages, "stages">, target: number): number[] {
  const needed = new Set<number>();
  const need = (index: number): void => {
    if (needed.has(index)) return;
    needed.add(index);
    for (const other of referredStages(stages[index]!)) need(other);
  };
  need(target);
  return [...needed].sort((a, b) => a - b);
}

/** What a stage stands on and takes files from. */
function referredStages({ base, steps }: Pick<DefinedStage, "base" | "steps">): number[] {
  const below = base.kind === "stage" ? [base.stage] : base.kind === "diff" ? [base.lower, base.upper] : [];
  return [
    ...below,
    ...steps.flatMap((step) => (step.op === "merge" ? step.stages : [])),
    ...steps.flatMap(sourcesOf).flatMap((from) => (from.kind === "stage" ? [from.stage] : [])),
  ];
}

/** Whatever a step takes files from. */
function sourcesOf(step: DefinedStep): DefinedSource[] {
  if (step.op === "merge") return [];
  if (step.op === "run")
    return step.mounts.flatMap((mount) => ("from" in mount && mount.from !== undefined ? [mount.from] : []));
  return step.sources.flatMap((source) => (source.kind === "files" ? [source.from] : []));
}

/** What of the web stages take that may become something else. */
export type WantedSources = {
  readonly http: readonly string[];
  readonly git: readonly WantedGit[];
  /** References in full. */
  readonly images: readonly string[];
};
export type WantedGit = { readonly url: string; readonly ref?: string };

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** Whether a ref is a commit's whole id, which can mean nothing else later. */
export function isCommit(ref: string): boolean {
  return COMMIT.test(ref);
}

/** Each once, in the order of the stages. */
export function wantedSources(stages: readonly DefinedStage[]): WantedSources {
  const steps = stages.flatMap((stage) => stage.steps);
  const sources = steps.flatMap((step) => (step.op === "copy" ? step.sources : []));
  const git = new Map<string, WantedGit>();
  for (const source of sources) {
    if (source.kind !== "git" || (source.ref !== undefined && isCommit(source.ref))) continue;
    const { url, ref } = source;
    git.set(JSON.stringify([url, ref]), { url, ...(ref !== undefined && { ref }) });
  }
  const http = sources.flatMap((source) =>
    source.kind === "http" && source.checksum === undefined ? [source.url] : [],
  );
  const images = steps.flatMap(sourcesOf).flatMap((from) => (from.kind === "image" ? [from.reference] : []));
  return { http: [...new Set(http)], git: [...git.values()], images: [...new Set(images)] };
}
