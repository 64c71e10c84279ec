import type { Difference } from "../explain/difference.ts";
import type { Cause } from "../explain/explain-build.ts";
import type { LoggedBuild, LoggedStep } from "../explain/logged-build.ts";
import type { DiffId, Digest } from "../layer/digest.ts";
import type { Platform } from "../platform.ts";
import type { OutputType } from "./settings.ts";

/** One layer of a built or planned image. Sizes are bytes. */
export type LayerResult = {
  /** What people call it: `debian`, `numpy`, `python packages 2`, `files`. */
  readonly name: string;
  readonly digest: Digest;
  readonly diffId: DiffId;
  /** Compressed. */
  readonly sizeBytes: number;
  readonly packages: readonly PackageResult[];
  /** False when its digest had to be computed in this build. */
  readonly isReused: boolean;
};

/** A package inside a layer: a wheel, a .deb; `sizeBytes` is its share of the compressed layer. */
export type PackageResult = {
  readonly ecosystem: string;
  readonly name: string;
  readonly version: string;
  readonly sizeBytes: number;
};

/** The image for one platform. */
export type ImageResult = {
  readonly platform: Platform;
  /** Of the manifest. */
  readonly digest: Digest;
  /** All layers, compressed. */
  readonly sizeBytes: number;
  readonly layers: readonly LayerResult[];
};

export type OutputResult = {
  readonly type: OutputType | "registry" | "load";
  /** Path, reference without credentials, or a container engine with the names it got. */
  readonly where: string;
  readonly digest: Digest;
};

export type BuildResult = {
  /** Of the manifest, or of the index when there are several platforms: what a tag points to. */
  readonly digest: Digest;
  readonly images: readonly ImageResult[];
  readonly tags: readonly string[];
  readonly outputs: readonly OutputResult[];
};

/** A layer before any of its bytes need exist: `digest` and exact size are there only if it was computed before. */
export type PlannedLayer = {
  readonly name: string;
  /** Known only for a layer that was computed before. */
  readonly digest?: Digest;
  /** Compressed; exact with a digest, else the sum of the archives, which is near it. */
  readonly sizeBytes: number;
  /** Why these packages stand together: `heavy`, `bucket`, `base`, `venv`, `library`, `files`. */
  readonly grouping: string;
  readonly packages: readonly PackageResult[];
  readonly isReused: boolean;
};

/** `open`: it depends on what a step before it leaves, or on what others have just now. */
export type PlannedStep = {
  /** Where it stands in the file: 0 for what a program wrote. */
  readonly line: number;
  readonly text: string;
  readonly state: "hit" | "miss" | "open";
  /** Of a miss why it is one, as `explain` says it; of an open one what it waits for, if not the step before it. */
  readonly cause?: string;
};

export type PlannedStage = {
  /** Its name, else its number. */
  readonly name: string;
  /** What it stands on, as a line to print. */
  readonly base: string;
  /** Why the packages that it stands on are not known. */
  readonly cause?: string;
  readonly steps: readonly PlannedStep[];
};

export type PlannedImage = {
  readonly platform: Platform;
  /** Where steps make it, those of each stage that it needs, lowest first. */
  readonly stages?: readonly PlannedStage[];
  /** Names of stages that are not built. */
  readonly unneededStages?: readonly string[];
  /** Those of packages and files that are composed. */
  readonly layers: readonly PlannedLayer[];
  /** Of an image without steps: why it is not known as a whole. */
  readonly cause?: string;
  /** Bytes of archives that are not in the store yet. */
  readonly downloadBytes: number;
};

export type PlanResult = {
  /** The definition, as a line to print: `cambium.yaml`, `requirements.txt (no configuration)`. */
  readonly source: string;
  /** The base, as a line to print: `debian bookworm (standard), python 3.11`. */
  readonly base: string;
  readonly images: readonly PlannedImage[];
};

/** What a lock changes against the one before. `from` absent: new; `to` absent: gone. */
export type LockChange = {
  readonly ecosystem: string;
  readonly name: string;
  readonly from?: string;
  readonly to?: string;
};

export type LockResult = {
  /** Where the lock is, or would be. */
  readonly path: string;
  /** `stale` only with `check`: the file would change, and nothing was written. */
  readonly state: "written" | "unchanged" | "stale";
  readonly distributions: number;
  readonly debs: number;
  /** Images, files and repositories that a Dockerfile takes. */
  readonly sources: number;
  readonly changes: readonly LockChange[];
};

/** The part of an image config that people look at (image-spec, config.md). */
export type ConfigDescription = {
  readonly created?: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
};

export type LayerDescription = {
  readonly name?: string;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly diffId: DiffId;
  readonly sizeBytes: number;
  /** Absent when the layer's listing is not known without unpacking it. */
  readonly entries?: number;
  readonly packages: readonly PackageResult[];
};

export type PlatformImageDescription = {
  readonly platform: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly config: ConfigDescription;
  readonly layers: readonly LayerDescription[];
};

export type ImageDescription = {
  /** As asked for. */
  readonly source: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly images: readonly PlatformImageDescription[];
};

/** A check that failed: `where` names the manifest, config or layer; the message has both values. */
export type ValidationProblem = { readonly code: string; readonly where: string; readonly message: string };

export type ValidationReport = {
  readonly source: string;
  readonly digest: Digest;
  /** What was recomputed. */
  readonly checked: {
    readonly manifests: number;
    readonly layers: number;
    readonly entries: number;
    readonly bytes: number;
  };
  /** Empty: valid. */
  readonly problems: readonly ValidationProblem[];
};

/** What there is of a kind of content in the store. */
export type StoredKind = { readonly name: string; readonly count: number; readonly sizeBytes: number };

export type RemotePruneResult = {
  readonly where: string;
  readonly isDryRun: boolean;
  /** Tags by what they are for. */
  readonly removed: Readonly<Record<string, number>>;
  readonly keptTags: number;
};

export type RemoteUsage = {
  readonly where: string;
  readonly totalBytes: number;
  /** By what tags are for; `count` of tags. */
  readonly kinds: readonly StoredKind[];
};

export type PruneResult = {
  /** Kinds of which something went. */
  readonly removed: readonly StoredKind[];
  readonly freedBytes: number;
  readonly keptBytes: number;
  /** Nothing was removed: this is what would have been. */
  readonly isDryRun: boolean;
};

/** `freeBytes`: what neither a tagged image nor a running build needs. */
export type KindUsage = StoredKind & {
  readonly taggedBytes: number;
  readonly inUseBytes: number;
  readonly freeBytes: number;
};

export type DiskUsage = {
  readonly root: string;
  readonly totalBytes: number;
  readonly kinds: readonly KindUsage[];
};

/** Why a step was not known: `text` is what is at its root, as a line to print. */
export type StepCause = Omit<Cause, "differences"> & {
  readonly text: string;
  /** In order of importance. */
  readonly differences: readonly (Difference & { readonly text: string })[];
};

/** One step of an earlier build. Times are milliseconds. */
export type ExplainedStep = Omit<LoggedStep, "contents" | "cause"> & {
  /** Absent for a hit. */
  readonly cause?: StepCause;
};

/** An earlier build, without its steps. */
export type BuildFacts = Omit<LoggedBuild, "version" | "images">;

/** The miss that took longest. */
export type MissResult = {
  readonly stage: string;
  readonly text: string;
  readonly elapsedMs: number;
  /** What is at its root, as a line to print. */
  readonly cause: string;
};

export type ExplainResult = {
  readonly build: BuildFacts;
  readonly images: readonly {
    readonly platform: string;
    readonly stages: readonly { readonly name: string; readonly steps: readonly ExplainedStep[] }[];
  }[];
  /** Absent where all was known. */
  readonly mostExpensiveMiss?: MissResult;
};

/** Newest first. */
export type BuildList = { readonly builds: readonly BuildFacts[] };

/** A cache mount. Times are milliseconds since the epoch. */
export type MountResult = {
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  /** As written; absent with all that follows where the store lost its records. */
  readonly id?: string;
  /** Whose it is; absent: every project's. */
  readonly project?: string;
  /** Of its root. */
  readonly owner?: { readonly mode: number; readonly uid: number; readonly gid: number };
  /** Where a step saw it last. */
  readonly target?: string;
  readonly createdMs: number;
  readonly usedMs: number;
  /** On disk. */
  readonly sizeBytes: number;
  readonly isInUse: boolean;
  /** Its last snapshot, or what it was restored from; compressed bytes. */
  readonly snapshot?: { readonly createdMs: number; readonly layers: number; readonly sizeBytes: number };
};

export type MountList = { readonly mounts: readonly MountResult[]; readonly totalBytes: number };

export type MountPruneResult = {
  readonly removed: readonly MountResult[];
  readonly freedBytes: number;
  readonly keptBytes: number;
};

/** Sizes are compressed bytes. */
export type MountSnapshotResult = {
  readonly name: string;
  readonly id: string;
  readonly project?: string;
  /** Of the image's manifest. */
  readonly digest: Digest;
  readonly layers: number;
  readonly sizeBytes: number;
  /** What was packed now: all, what changed since the snapshot before, or nothing, since nothing did. */
  readonly packed: "whole" | "changes" | "nothing";
  readonly packedBytes: number;
  /** Sockets, devices, and names that no layer can hold. */
  readonly leftOut: number;
  readonly outputs: readonly OutputResult[];
};

export type MountRestoreResult = {
  readonly name: string;
  readonly id: string;
  readonly project?: string;
  /** `kept`: it had content, and only an empty one was to be filled. */
  readonly state: "restored" | "kept";
  /** What it was filled from, without credentials. */
  readonly source: string;
  /** On disk. */
  readonly sizeBytes: number;
};
