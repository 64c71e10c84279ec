import type { Stage, StageGraph, Step } from "../graph/stages.ts";
import type { ContentIds } from "../graph/step-key.ts";
import type { KeyDocument } from "./documents.ts";
import type {
  LoggedBuild,
  LoggedImage,
  LoggedOutcome,
  LoggedStage,
  LoggedStep,
  Made,
  StepOp,
} from "./logged-build.ts";
import { stepText } from "./step-text.ts";

/** What is noted of one step while it is done. */
export type StepFacts = {
  readonly outcome: LoggedOutcome;
  readonly key: string;
  /** Made only where the store lacks it; absent where the store has it by the key. */
  readonly document?: KeyDocument | (() => KeyDocument);
  readonly tookMs?: number;
  readonly cause?: LoggedStep["cause"];
  readonly made?: Made;
};

/** Which build it is. */
export type BuildFacts = Omit<LoggedBuild, "version" | "tookMs" | "outcome" | "digest" | "images">;

/** A step, or a stage for what it stands on. */
type Subject = Step | Stage;

/** Collects how the steps of a build went. Noting costs no I/O, and nothing is read until the build is over. */
export class BuildTrace {
  readonly #facts = new Map<object, StepFacts>();
  readonly #contents = new Map<object, ContentIds>();
  /** By platform: a build that begins again begins with another graph. */
  readonly #graphs = new Map<string, StageGraph>();
  readonly #whole = new Set<string>();
  readonly #steps = new Map<object, LoggedStep>();
  /** By platform, those without steps. */
  readonly #images = new Map<string, object>();

  /** What the build is, besides how it went; absent for what is no build. */
  about?: () => BuildFacts;

  /** The image of this platform was known as it is: no step was looked at. */
  whole(platform: string): void {
    this.#whole.add(platform);
  }

  /** From here on its steps are looked for. */
  begin(graph: StageGraph, platform: string): void {
    this.#graphs.set(platform, graph);
  }

  /** A step that was done once counts as done, also when it is found known by a second attempt. */
  note(subject: object, facts: StepFacts): void {
    const before = this.#facts.get(subject);
    if (facts.outcome === "hit" && before?.outcome === "miss" && before.key === facts.key) return;
    this.#facts.set(subject, facts);
  }

  /** What the step added to the tree. */
  came(subject: Subject, contents: ContentIds): void {
    this.#contents.set(subject, contents);
  }

  failed(subject: Step): void {
    const facts = this.#facts.get(subject);
    this.#facts.set(subject, { key: "", ...facts, outcome: "failed" });
  }

  /** An image without steps: its packages and files are one. */
  packages(platform: string, facts: StepFacts, contents: ContentIds): void {
    const subject = this.#images.get(platform) ?? {};
    this.#images.set(platform, subject);
    this.#facts.set(subject, facts);
    this.#contents.set(subject, contents);
  }

  /** Documents that the store may lack, by key. */
  documents(): Map<string, () => KeyDocument> {
    const found = new Map<string, () => KeyDocument>();
    for (const { key, document } of this.#facts.values()) {
      if (document !== undefined) {
        found.set(key, typeof document === "function" ? document : () => document);
      }
    }
    return found;
  }

  images(): LoggedImage[] {
    const traced = [...this.#graphs].map(([platform, graph]) => ({
      platform,
      stages: graph.stages.map((stage) => this.#stage(stage)),
    }));
    const composed = [...this.#images].map(([platform, subject]) => {
      const step = this.#logged(subject, { line: 0, text: "packages and files", op: "packages" });
      return { platform, stages: [{ name: "image", steps: step === undefined ? [] : [step] }] };
    });
    const whole = [...this.#whole].map((platform) => ({ platform, stages: [] }));
    return [...traced, ...composed, ...whole];
  }

  /** A step, or what a stage stands on, as it is in the last of `images`. */
  logged(subject: Subject): LoggedStep | undefined {
    return this.#steps.get(subject);
  }

  #stage(stage: Stage): LoggedStage {
    const { base } = stage;
    const op = base.kind === "packages" || base.kind === "diff" ? base.kind : "base";
    const below = this.#logged(stage, { line: 0, text: baseText(stage), op });
    const steps = stage.steps.flatMap((step) => {
      const { line, where } = step;
      return (
        this.#logged(step, {
          line,
          text: stepText(step),
          op: step.op,
          ...(where !== undefined && { where }),
        }) ?? []
      );
    });
    return {
      name: stage.name,
      ...(base.kind === "stage" && { on: base.stage }),
      steps: below === undefined ? steps : [below, ...steps],
    };
  }

  #logged(
    subject: object,
    place: Pick<LoggedStep, "line" | "text" | "where"> & { readonly op: StepOp },
  ): LoggedStep | undefined {
    const facts = this.#facts.get(subject);
    if (facts === undefined) return undefined;
    const { outcome, key, tookMs = 0, cause, made } = facts;
    const step: LoggedStep = {
      ...place,
      outcome,
      ...(key !== "" && { key }),
      contents: this.#contents.get(subject) ?? [],
      tookMs: Math.round(tookMs),
      ...(cause !== undefined && { cause }),
      ...(made !== undefined && { made }),
    };
    this.#steps.set(subject, step);
    return step;
  }
}

function baseText({ base }: Stage): string {
  switch (base.kind) {
    case "image":
      return `FROM ${base.reference}`;
    case "context":
      return `FROM the build context ${base.name}`;
    case "packages":
      return "packages";
    case "diff":
      return "diff";
    case "scratch":
    case "stage":
      return "";
  }
}
