/**
 * What a build tells while it runs: one stream, from which the terminal, the plain lines, the JSON and the summary
 * are made (`src/report`). Times are not in the events: a reporter stamps what it receives.
 * Sizes are bytes.
 */
export type BuildEvent =
  | { readonly type: "step-started"; readonly id: string; readonly name: string }
  | {
      readonly type: "step-done";
      readonly id: string;
      readonly outcome: StepOutcome;
      readonly detail?: string;
    }
  /** A line that a step's program wrote. `id` is the step's. */
  | {
      readonly type: "step-output";
      readonly id: string;
      readonly line: string;
      readonly stream: "stdout" | "stderr";
    }
  | {
      readonly type: "download-started";
      readonly id: string;
      readonly name: string;
      readonly sizeBytes?: number;
    }
  /** `receivedBytes` is the sum so far, over retries that resumed. */
  | { readonly type: "download-progress"; readonly id: string; readonly receivedBytes: number }
  | {
      readonly type: "download-retry";
      readonly id: string;
      readonly name: string;
      readonly reason: string;
      readonly waitMs: number;
    }
  | { readonly type: "download-done"; readonly id: string; readonly receivedBytes: number }
  | {
      readonly type: "transcode-started";
      readonly id: string;
      readonly name: string;
      readonly sizeBytes: number;
    }
  | { readonly type: "transcode-done"; readonly id: string }
  | {
      readonly type: "layer";
      readonly name: string;
      readonly digest: string;
      readonly sizeBytes: number;
      /** False when the layer's digest had to be computed in this build. */
      readonly isReused: boolean;
    }
  | {
      readonly type: "upload-started";
      readonly id: string;
      readonly name: string;
      readonly sizeBytes: number;
    }
  /** `sentBytes` is the sum so far. */
  | { readonly type: "upload-progress"; readonly id: string; readonly sentBytes: number }
  | {
      readonly type: "upload-retry";
      readonly id: string;
      readonly name: string;
      readonly reason: string;
      readonly waitMs: number;
    }
  /** With `sentBytes` 0 the registry had it already. */
  | { readonly type: "upload-done"; readonly id: string; readonly sentBytes: number }
  | { readonly type: "warning"; readonly code: string; readonly message: string; readonly hint?: string }
  /** Something the user should know but need not act on, such as an older version taken because it has a wheel. */
  | { readonly type: "notice"; readonly message: string }
  | {
      readonly type: "image";
      readonly digest: string;
      readonly platform: string;
      readonly sizeBytes: number;
    }
  /** The step that took longest of those that were not known, and why it was not. */
  | {
      readonly type: "miss";
      readonly stage: string;
      readonly text: string;
      readonly elapsedMs: number;
      readonly cause: string;
    }
  /** From here on the terminal belongs to the process inside the image: reporters draw nothing more. */
  | { readonly type: "process-started" }
  /** What a place for caches got; `mounts` are those that it now has, null where none were wanted. */
  | {
      readonly type: "cache";
      readonly where: string;
      /** Of single steps and packages, put now. */
      readonly entries: number;
      readonly sentBytes: number;
      readonly mounts: readonly { readonly id: string; readonly sizeBytes: number }[] | null;
    }
  | { readonly type: "output"; readonly kind: string; readonly where: string; readonly digest: string };

/** `hit`: known before; `done`: computed now; `failed`: the error follows by itself. */
export type StepOutcome = "hit" | "done" | "failed";

/** Where events go. Must not throw. */
export type Emit = (event: BuildEvent) => void;
