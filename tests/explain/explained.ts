import type { ExplainedStep, ExplainResult } from "../../src/actions/results.ts";
import type { Ran } from "../support/command.ts";

/** What `explain --json` said. @throws Error with what it said instead. */
export function explainedBy(ran: Ran): ExplainResult {
  if (ran.exitCode !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout) as ExplainResult;
}

/** The last step whose text begins like this. */
export function stepOf({ images }: ExplainResult, text: string): ExplainedStep {
  const all = images.flatMap(({ stages }) => stages.flatMap((stage) => stage.steps));
  const found = all.findLast((step) => step.text.startsWith(text));
  if (found !== undefined) return found;
  throw new Error(`no ${text} among ${all.map((step) => `${step.outcome} ${step.text}`).join(", ")}`);
}

/** How the step went and why, as one line. */
export function toldOf(result: ExplainResult, text: string): string {
  const { outcome, cause } = stepOf(result, text);
  return cause === undefined ? outcome : `${outcome}: ${cause.text}`;
}
