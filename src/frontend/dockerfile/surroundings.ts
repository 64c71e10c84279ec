import { usageError } from "../../errors.ts";
import type { FileSource } from "../../graph/stages.ts";
import { nearest } from "../../nearest.ts";
import type { Warnings } from "./checks.ts";
import type { Escape } from "./directives.ts";
import { type Expansion, expand } from "./expand.ts";
import type { InstructionHead, Text } from "./instructions.ts";
import type { StageState } from "./stage-state.ts";

/** What instructions need besides their stage. */
export type Surroundings = {
  readonly escapeMark: Escape;
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly buildArgs: ReadonlyMap<string, string>;
  /** What a `from` of COPY, or of a mount, means. */
  readonly copySource: (name: string) => FileSource;
  readonly mountSource: (name: string) => FileSource;
  readonly warnings: Warnings;
};

/** `text` with the stage's variables put in; those that are not set are warned of. */
export function putIn(text: Text, state: StageState, head: InstructionHead, around: Surroundings): string {
  return expanded(text, state, head, around).text;
}

export function expanded(
  text: Text,
  state: StageState,
  head: InstructionHead,
  around: Surroundings,
): Expansion {
  const result = expandOrThrow(text, state.variables, around.escapeMark);
  warnOfMissing(result.missing, state, head, around);
  return result;
}

/** @throws CambiumError `DOCKERFILE_SYNTAX`. */
export function expandOrThrow(
  { text, where }: Text,
  variables: ReadonlyMap<string, string>,
  escapeMark: Escape,
  ignoresQuotes = false,
): Expansion {
  const result = expand(text, variables, { escapeMark, ignoresQuotes });
  if ("problem" in result) {
    throw usageError("DOCKERFILE_SYNTAX", `${where}: ${JSON.stringify(text)}: ${result.problem}`);
  }
  return result;
}

export function warnOfMissing(
  missing: ReadonlySet<string>,
  state: StageState,
  { line, comments }: InstructionHead,
  { warnings }: Surroundings,
): void {
  for (const name of missing) {
    if (state.args.has(name)) continue;
    const near = nearest(name, [...state.variables.keys()]);
    const meant = near === undefined ? "" : ` (did you mean $${near}?)`;
    warnings.add("UndefinedVar", `$${name} is not set${meant}`, line, comments);
  }
}
