import type { Stage } from "../../graph/stages.ts";
import type { Digest } from "../../layer/digest.ts";
import type { StageLayers } from "./stage-layers.ts";
import type { KnownStep } from "./step-memory.ts";

/** What is known of steps elsewhere: asked where this machine knows nothing, and told of each step that was needed. */
export type StepRecords = {
  /** Makes it known here, its layer without bytes; `place` says where it was found. */
  readonly find: (
    key: Digest,
    stage: Stage,
  ) => Promise<{ readonly result: KnownStep; readonly place: string } | undefined>;
  readonly note: (key: Digest, stage: Stage, result: KnownStep) => void;
  /** What a stage came to. */
  readonly noteStage: (stage: Stage, layers: StageLayers) => void;
};
