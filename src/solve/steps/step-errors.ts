import { CambiumError } from "../../errors.ts";
import { type StageGraph, type Step, whereOf } from "../../graph/stages.ts";

/** Says of failures which step they are of, once: those of a stage are met again by what takes files of it. */
export class StepErrors {
  readonly #located = new WeakSet<object>();
  readonly #written: readonly string[];

  constructor({ written = [] }: StageGraph) {
    this.#written = written;
  }

  /** @returns what to throw in place of `error` */
  at(one: Step, error: unknown): unknown {
    if (!(error instanceof CambiumError) || this.#located.has(error)) return error;
    const where = `${whereOf(one)}: `;
    const { code, message, cause, exitCode } = error;
    const stage = code === "COPY_SOURCE_MISSING" ? this.#meantStage(one) : undefined;
    const hint =
      stage === undefined
        ? error.hint
        : `For files of stage ${stage} write stage: ${stage}, and in from: which.`;
    const located = message.startsWith(where)
      ? error
      : new CambiumError(code, `${where}${message}`, { hint, cause, exitCode });
    this.#located.add(located);
    return located;
  }

  /** A file's name that is a stage's: other tools say so where files come from. */
  #meantStage(one: Step): string | undefined {
    if (one.op !== "copy") return undefined;
    const paths = one.sources.flatMap((source) =>
      source.kind === "files" && source.from.kind === "context" ? source.paths : [],
    );
    return paths.find((path) => this.#written.includes(path));
  }
}
