import { commandOf, jsonOf, listOf, syntaxError, textOf } from "./arguments.ts";
import { readFlags } from "./flags.ts";
import type {
  CommandInstruction,
  ListInstruction,
  ShellInstruction,
  Text,
  ValueInstruction,
} from "./instructions.ts";
import { trim } from "./space.ts";
import { splitBlanks } from "./split.ts";
import type { Statement } from "./statements.ts";

/** CMD and ENTRYPOINT. */
export function parseCommand(statement: Statement, kind: CommandInstruction["kind"]): CommandInstruction {
  readFlags(statement, {});
  return { kind, command: commandOf(statement, statement.rest) };
}

export function parseShell(statement: Statement): ShellInstruction {
  readFlags(statement, {});
  const argv = jsonOf(statement, statement.rest);
  if (argv !== undefined && argv.length > 0) return { kind: "shell", argv };
  throw syntaxError(
    statement,
    `not a JSON array of strings: ${statement.rest.text}`,
    'Write it like SHELL ["/bin/bash", "-c"].',
  );
}

/** Instructions of one value, which takes the rest of the line. */
export function parseOne(statement: Statement, kind: ValueInstruction["kind"]): ValueInstruction {
  // BuildKit looks at no flag of STOPSIGNAL.
  if (kind !== "stopsignal") readFlags(statement, {});
  if (statement.rest.text === "") throw syntaxError(statement, "has no value");
  return { kind, value: textOf(statement, statement.rest) };
}

/** EXPOSE, sorted as BuildKit has it, and VOLUME. */
export function parseSome(statement: Statement, kind: ListInstruction["kind"]): ListInstruction {
  readFlags(statement, {});
  const words =
    kind === "volume"
      ? listOf(statement, statement.rest)
      : splitBlanks(statement.rest).map((word) => textOf(statement, word));
  if (words.length === 0) throw syntaxError(statement, "has no value");
  if (kind === "expose") return { kind, values: [...words].sort((a, b) => compareBytes(a.text, b.text)) };
  return { kind, values: words.map((word) => volumePath(statement, word)) };
}

function volumePath(statement: Statement, { text, where }: Text): Text {
  const path = trim(text);
  if (path === "") throw syntaxError(statement, "an empty path");
  return { text: path, where };
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
