import type { ContentIds } from "../graph/step-key.ts";

/** One build as it went: plain data. Times are milliseconds. */
export type LoggedBuild = {
  readonly version: 1;
  /** Sorts by time. */
  readonly id: string;
  /** Whose build it was, the same on every machine: builds of one project are compared. */
  readonly project: string;
  /** Folder that was built, absolute; absent for a build of elsewhere. */
  readonly folder?: string;
  /** What was built, as a line to print: `Dockerfile`, `cambium.yaml`. */
  readonly source: string;
  readonly target?: string;
  /** `--no-cache`: all, or these stages. */
  readonly noCache?: true | readonly string[];
  /** Since the epoch. */
  readonly startedMs: number;
  readonly tookMs: number;
  readonly outcome: "built" | "failed" | "stopped";
  /** What a tag would point to. */
  readonly digest?: string;
  /** Another machine's, by the name of where it was told; absent: it was here. */
  readonly where?: string;
  readonly images: readonly LoggedImage[];
};

export type LoggedImage = {
  /** `linux/amd64`. */
  readonly platform: string;
  readonly stages: readonly LoggedStage[];
};

export type LoggedStage = {
  readonly name: string;
  /** The stage that it stands on, by its place. */
  readonly on?: number;
  /** What it stands on first, where that is no stage. */
  readonly steps: readonly LoggedStep[];
};

export type StepOp = "base" | "packages" | "diff" | "run" | "copy" | "workdir" | "merge";

/** `stopped`: another step failed, or somebody interrupted the build. */
export type LoggedOutcome = "hit" | "miss" | "failed" | "stopped";

export type LoggedStep = {
  /** Where it stands in the file; 0 for what a stage stands on. */
  readonly line: number;
  readonly text: string;
  /** Instead of the line, where there are none. */
  readonly where?: string;
  readonly op: StepOp;
  readonly outcome: LoggedOutcome;
  /** Of its document; absent for a step that failed before it had one. */
  readonly key?: string;
  /** What it added to the tree, bottom up. */
  readonly contents: ContentIds;
  readonly tookMs: number;
  /** Why it missed, where its key does not say: it was to be done anew, or what it came to before is gone. */
  readonly cause?: "no-cache" | "lost";
  /** Of a hit. */
  readonly made?: Made;
};

/** Where and when a result was made. What is absent is not known. */
export type Made = {
  /** Since the epoch. */
  readonly atMs?: number;
  readonly tookMs?: number;
  /** Absent: on this machine. */
  readonly where?: string;
};
