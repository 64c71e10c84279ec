import type { CopyStep, WorkdirStep } from "../graph/stages.ts";
import type { ContentIds, RunKeyDocument } from "../graph/step-key.ts";

/** Of `LAYOUT_VERSIONS`. */
type LayoutVersions = Readonly<Record<string, number>>;

/** COPY, ADD and WORKDIR. */
export type FileKeyDocument = {
  readonly version: 1;
  readonly layoutVersions: LayoutVersions;
  readonly step: CopyStep | WorkdirStep;
  /** What the files that it takes were known by; says nothing of which they are. */
  readonly sources: readonly string[];
  readonly below: ContentIds;
  readonly mtimeSec: number;
};

/** All that is laid over a stage by one step. */
export type MergeStepDocument = {
  readonly op: "merge";
  readonly layoutVersions: LayoutVersions;
  readonly mtimeSec: number;
  readonly below: ContentIds;
  readonly merged: readonly { readonly name: string; readonly contents: ContentIds }[];
};

/** What a stage changed against another. */
export type DiffKeyDocument = {
  readonly op: "diff";
  readonly layoutVersions: LayoutVersions;
  readonly mtimeSec: number;
  readonly lower: ContentIds;
  readonly upper: ContentIds;
};

/** What a stage stands on that nobody here makes. */
export type BaseDocument = {
  readonly op: "base";
  readonly reference: string;
  /** Of the manifest, or of what is in a folder. */
  readonly digest: string;
};

/** A package as it is locked. `archive`: of what may be installed, so that two of the same version are told apart. */
export type KeyPackage = {
  readonly ecosystem: "debian" | "python";
  readonly name: string;
  readonly version: string;
  readonly archive: string;
};

/** Packages of an image or stage: what its definition key is made of, one platform's part. */
export type PackagesDocument = {
  readonly op: "packages";
  readonly platform: string;
  readonly layoutVersions: LayoutVersions;
  /** `debian bookworm (standard)`, or an image's reference. */
  readonly base: string;
  /** Of the manifest, on an image of a registry. */
  readonly baseDigest?: string;
  /** As in `3.12`; absent without Python. */
  readonly python?: string;
  readonly bytecode: boolean;
  readonly packages: readonly KeyPackage[];
  /** Of the project's own files, by their place. */
  readonly files: ContentIds;
  /** RFC 3339. */
  readonly created: string;
  /** What else was written: users, config, what is kept of packages, file operations. */
  readonly settings: unknown;
};

/** What decides the result of a step, as it is kept by its digest. */
export type KeyDocument =
  | RunKeyDocument
  | FileKeyDocument
  | MergeStepDocument
  | DiffKeyDocument
  | BaseDocument
  | PackagesDocument;
