import type { LockedBase } from "../../ecosystems/locked-base.ts";
import type { Stage } from "../../graph/stages.ts";
import type { Digest } from "../../layer/digest.ts";
import type { StageLayers } from "../../solve/steps/stage-layers.ts";
import type { KnownStep } from "../../solve/steps/step-memory.ts";
import type { MountUse } from "../../store/mounts.ts";
import type { PackageStack } from "../packages/package-stack.ts";

/** What a build in stages has come to so far: also of one that fails later. */
export type BuildNotes = {
  /** Each RUN of each stage that was needed, by its key. */
  readonly steps: Map<Digest, { readonly stage: string; readonly result: KnownStep }>;
  readonly stages: Map<Stage, StageLayers>;
  /** Packages that stages stand on, by their definition key. */
  readonly packages: Map<Digest, PackagesNote>;
  /** Cache mounts of those steps, whether they ran or not. */
  readonly mounts: MountUse[];
};

export type PackagesNote = {
  /** Name of the stage. */
  readonly stage: string;
  readonly stack: PackageStack;
  /** What it was locked on, if that is an image of a registry. */
  readonly base: LockedBase | undefined;
};

export function buildNotes(): BuildNotes {
  return { steps: new Map(), stages: new Map(), packages: new Map(), mounts: [] };
}
