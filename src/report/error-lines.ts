import { CambiumError, messageOf } from "../errors.ts";
import { printable } from "./printable.ts";
import type { Style } from "./style.ts";

/** An error with more causes than this is a loop or noise. */
const maxCauses = 8;

/**
 * An error as people read it: `error[CODE]: what: value`, its causes, its hint on a line of its own. A known error
 * comes without a stack, since its message says all; an unknown one is our defect, so the stack is what we need.
 */
export function errorLines(thrown: unknown, style: Style): string[] {
  if (thrown instanceof CambiumError) {
    const lines = [
      `${style.red(style.bold(`error[${thrown.code}]`))}: ${printable(thrown.message, { keepNewlines: true })}`,
    ];
    for (const cause of causesOf(thrown)) {
      lines.push(`  caused by: ${printable(describe(cause), { keepNewlines: true })}`);
    }
    for (const hint of hintsOf(thrown)) {
      lines.push(`${style.cyan("hint")}: ${printable(hint, { keepNewlines: true })}`);
    }
    return lines;
  }
  const stack = thrown instanceof Error && thrown.stack !== undefined ? thrown.stack : messageOf(thrown);
  const lines = [
    `${style.red(style.bold("error[UNEXPECTED]"))}: ${printable(stack, { keepNewlines: true })}`,
  ];
  for (const cause of causesOf(thrown)) lines.push(`  caused by: ${printable(describe(cause))}`);
  lines.push(
    `${style.cyan("hint")}: This is a defect in cambium, not in your project. Please report it with the lines above and the output of cambium --version.`,
  );
  return lines;
}

/** The error as one JSON document: what `--progress json` ends with when a build fails. */
export type ErrorDocument = {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly causes: readonly string[];
  readonly exitCode: number;
};

export function errorDocument(thrown: unknown): ErrorDocument {
  const causes = causesOf(thrown).map(describe);
  const message = messageOf(thrown);
  if (!(thrown instanceof CambiumError))
    return { type: "error", code: "UNEXPECTED", message, causes, exitCode: 1 };
  const hint = thrown.hint === undefined ? {} : { hint: thrown.hint };
  return { type: "error", code: thrown.code, message, ...hint, causes, exitCode: thrown.exitCode };
}

/** The chain of `cause`, outermost first; the errors of an AggregateError count as causes of it. */
function causesOf(thrown: unknown): unknown[] {
  const causes: unknown[] = [];
  const queue = directCauses(thrown);
  while (queue.length > 0 && causes.length < maxCauses) {
    const cause = queue.shift();
    if (causes.includes(cause)) continue;
    causes.push(cause);
    queue.push(...directCauses(cause));
  }
  return causes;
}

function directCauses(thrown: unknown): unknown[] {
  if (!(thrown instanceof Error)) return [];
  const grouped = thrown instanceof AggregateError ? thrown.errors : [];
  return thrown.cause === undefined ? [...grouped] : [thrown.cause, ...grouped];
}

function describe(cause: unknown): string {
  return cause instanceof CambiumError ? `${cause.code}: ${cause.message}` : messageOf(cause);
}

/** The error's own hint and those of its causes, each once: the cause often knows the way out. */
function hintsOf(error: CambiumError): string[] {
  const hints = new Set<string>();
  for (const known of [error, ...causesOf(error)]) {
    if (known instanceof CambiumError && known.hint !== undefined) hints.add(known.hint);
  }
  return [...hints];
}
