import type { Platform } from "../platform.ts";
import type { ConfigOp, GeneratedFile } from "./definition.ts";

/**
 * A build in stages: what a Dockerfile comes to once its variables are expanded. Plain data, free of I/O; a stage names
 * others by their place in `stages`, always an earlier one.
 */
export type StageGraph = {
  readonly stages: readonly Stage[];
  /** Which stage is the image. */
  readonly target: number;
  /**
   * What every RUN has in its environment besides `env`, where that does not set it: proxies that were given as build
   * arguments. They are of the machine that builds and belong into no key.
   */
  readonly proxies: readonly (readonly [name: string, value: string])[];
  /** Stages whose steps count as never done (`--no-cache=STAGE`), by their place; in no key. */
  readonly forgotten?: readonly number[];
  /** Of a YAML or builder: all stages that were written, needed or not, for messages; in no key. */
  readonly written?: readonly string[];
};

export type Stage = {
  /** Its name, else its number: for messages. */
  readonly name: string;
  readonly platform: Platform;
  readonly base: StageBase;
  /** Applied in this order. */
  readonly steps: readonly Step[];
  /** Of the image that this stage is. */
  readonly config: StageConfig;
};

export type StageBase =
  | { readonly kind: "scratch" }
  /** `digest` is the manifest's for the stage's platform, `reference` as in `Reference` with the tag that was asked for. */
  | { readonly kind: "image"; readonly reference: string; readonly digest: string }
  | { readonly kind: "stage"; readonly stage: number }
  /** The files of a `--build-context` that is no image; `name` as it was given. */
  | { readonly kind: "context"; readonly name: string }
  /** Packages that are computed, such as those of a definition; `set` is what the solver is told of them by. */
  | { readonly kind: "packages"; readonly set: string }
  /** What the stage `upper` changed against the stage `lower`, and nothing else; what it deleted is deleted. */
  | { readonly kind: "diff"; readonly lower: number; readonly upper: number };

/**
 * What changes the file tree. `line` is where it begins in the file (from 1), or which one of its stage it is, `text`
 * the instruction as `docker history` shows it.
 */
export type Step = StepPlace & (RunStep | CopyStep | WorkdirStep | MergeStep);
export type StepPlace = {
  readonly line: number;
  readonly text: string;
  /** For messages, where there are no lines: `build, step 2`. */
  readonly where?: string;
};

export function whereOf({ where, line }: StepPlace): string {
  return where ?? `line ${line}`;
}

export type RunStep = {
  readonly op: "run";
  /** The shell in front already. */
  readonly argv: readonly string[];
  /** ENV and the ARGs in scope, in order of their setting; PATH is there. */
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly cwd: string;
  /** `user[:group]` as written; empty is root. */
  readonly user: string;
  readonly network: "default" | "host" | "none";
  readonly security: "sandbox" | "insecure";
  readonly mounts: readonly StepMount[];
  /** A script that `argv` names by its path: mounted for this step alone (a RUN heredoc that begins with `#!`). */
  readonly scripts: readonly { readonly path: string; readonly content: string }[];
};

/** Files that a step may take: `path`s in it are relative to its root. */
export type FileSource =
  /** The build context, or with a name one of `--build-context`. */
  | { readonly kind: "context"; readonly name?: string }
  /** No files at all: a mount of it begins empty. */
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly stage: number }
  | { readonly kind: "image"; readonly reference: string; readonly digest: string };

/** `target`s are absolute. */
export type StepMount =
  | {
      readonly type: "bind";
      readonly target: string;
      readonly from: FileSource;
      readonly source: string;
      /** False: writes are allowed and thrown away. */
      readonly isReadOnly: boolean;
    }
  | CacheMount
  | { readonly type: "tmpfs"; readonly target: string; readonly sizeBytes?: number }
  | {
      readonly type: "secret";
      readonly id: string;
      /** Absent: only in the environment. */
      readonly target?: string;
      readonly env?: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      readonly isRequired: boolean;
    }
  | {
      readonly type: "ssh";
      readonly id: string;
      readonly target: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      readonly isRequired: boolean;
    };

export type CacheMount = {
  readonly type: "cache";
  readonly target: string;
  /** As written, else the target. */
  readonly id: string;
  /** Absent: the default for what is cached there. */
  readonly sharing?: "shared" | "private" | "locked";
  /** Its content when it is new. Absent: empty. */
  readonly from?: FileSource;
  readonly source?: string;
  readonly isReadOnly: boolean;
  /** Of the root of a new mount. Absent: as its seed's, else 0755 and root. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
};

/** COPY and ADD. */
export type CopyStep = {
  readonly op: "copy";
  readonly sources: readonly CopySourceOp[];
  /** Absolute; a slash at the end makes it a directory. */
  readonly destination: string;
  /** `user[:group]` as written, names looked up in the stage. Absent: root for contexts, else as it was. */
  readonly owner?: string;
  /** Octal, or symbolic as chmod(1) has it. Absent: as it was. */
  readonly chmod?: string;
  /** An octal `chmod` is meant for files: directories get x wherever it has r. */
  readonly opensDirectories?: boolean;
  /** Into a layer of its own, whatever stands below: links of the destination are not followed. */
  readonly isLinked: boolean;
  /** The path of each source is kept below the destination; after a `/./` only what follows it. */
  readonly keepsParents: boolean;
  readonly exclude: readonly string[];
};

export type CopySourceOp =
  /** `isUnpacked`: local tar archives are unpacked, as ADD does. `paths` may have wildcards. */
  | {
      readonly kind: "files";
      readonly from: FileSource;
      readonly paths: readonly string[];
      readonly isUnpacked: boolean;
    }
  /** A heredoc: a file of this name and content. */
  | { readonly kind: "inline"; readonly name: string; readonly content: string }
  /** Files that a frontend made, such as an editable install; paths are below the destination. */
  | { readonly kind: "generated"; readonly files: readonly GeneratedFile[] }
  | {
      readonly kind: "http";
      readonly url: string;
      /** What the file is called in a directory; absent: as its URL ends. */
      readonly name?: string;
      readonly checksum?: string;
      readonly isUnpacked: boolean;
    }
  | {
      readonly kind: "git";
      readonly url: string;
      /** Branch, tag or commit; absent: the default branch. */
      readonly ref?: string;
      readonly subdirectory?: string;
      /** Of the commit: all or the beginning of its id. */
      readonly checksum?: string;
      readonly keepsGitFolder: boolean;
      readonly skipsSubmodules?: boolean;
      /** `checksum` is the commit to take, and nobody asks what `ref` is now. */
      readonly fetchesByCommit?: boolean;
      /** What a lock says that `ref` is, so that nobody is asked. `refName` as in `refs/heads/main`. */
      readonly resolved?: { readonly commit: string; readonly refName?: string };
    };

/** Makes a directory if nothing is there, owned by the stage's user as WORKDIR has it. */
export type WorkdirStep = { readonly op: "workdir"; readonly path: string; readonly user: string };

/** Lays what other stages hold over the stage, in order. What a stage of a diff deleted is deleted here too. */
export type MergeStep = { readonly op: "merge"; readonly stages: readonly number[] };

/** An image's config as Dockerfiles can set it (image-spec, config.md; Healthcheck, Shell and OnBuild are Docker's). */
export type StageConfig = ConfigOp & {
  readonly healthcheck?: Healthcheck;
  readonly shell?: readonly string[];
  /** MAINTAINER: `author` of the image's document. */
  readonly author?: string;
  /** Instructions for who builds on it. */
  readonly onBuild: readonly string[];
  /** What changed no file, for the image's history: its place among the steps and its text. */
  readonly emptyHistory: readonly { readonly beforeStep: number; readonly text: string }[];
};

/** Times in nanoseconds (moby's image spec v1.2); zero or absent inherits. */
export type Healthcheck = {
  readonly Test: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
};
