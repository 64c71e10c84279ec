import type { IgnoreRule } from "../../context/docker-ignore.ts";
import { usageError } from "../../errors.ts";
import type { FileSource } from "../../graph/stages.ts";
import { nearest } from "../../nearest.ts";
import type { Warnings } from "./checks.ts";
import type { Escape } from "./directives.ts";
import { type Expansion, expand, expandWords } from "./expand.ts";
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
  /** Of the build context. */
  readonly ignoreRules: readonly IgnoreRule[];
};

/** `text` with the stage's variables put in; those that are not set are warned of. */
export function putIn(text: Text, state: StageState, head: InstructionHead, around: Surroundings): string {
  const result = expandOrThrow(text, state.variables, around.escapeMark);
  warnOfMissing(result.missing, state, head, around);
  return result.text;
}

/** The words of `text` after its expansion. */
export function wordsOf(text: Text, state: StageState, { escapeMark }: Surroundings): readonly string[] {
  return orThrow(expandWords(text.text, state.variables, { escapeMark }), text).words;
}

/** @throws CambiumError `DOCKERFILE_SYNTAX`. */
export function expandOrThrow(
  text: Text,
  variables: ReadonlyMap<string, string>,
  escapeMark: Escape,
  ignoresQuotes = false,
): Expansion {
  return orThrow(expand(text.text, variables, { escapeMark, ignoresQuotes }), text);
}

function orThrow(result: Expansion | { readonly problem: string }, { text, where }: Text): Expansion {
  if (!("problem" in result)) return result;
  throw usageError("DOCKERFILE_SYNTAX", `${where}: ${JSON.stringify(text)}: ${result.problem}`);
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
