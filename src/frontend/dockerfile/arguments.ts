import { usageError } from "../../errors.ts";
import type { Command, Text } from "./instructions.ts";
import { parseStrings, splitBlanks, type Word } from "./split.ts";
import type { Statement } from "./statements.ts";

export function textOf(statement: Statement, word: Word): Text {
  return { text: word.text, where: statement.line.where(word.at) };
}

export function syntaxError(statement: Statement, problem: string, hint?: string, at?: number): Error {
  const name = statement.instruction.text.toUpperCase();
  const where = statement.line.where(at ?? statement.instruction.at);
  return usageError("DOCKERFILE_SYNTAX", `${where}: ${name}: ${problem}`, hint);
}

/** The strings of a JSON array, undefined where it is none. */
export function jsonOf(statement: Statement, rest: Word): readonly string[] | undefined {
  const strings = parseStrings(rest.text);
  if (strings !== "mixed") return strings;
  throw syntaxError(statement, `the JSON array ${rest.text} has more than strings`, undefined, rest.at);
}

/** A JSON array's strings, else words parted by blanks. */
export function listOf(statement: Statement, rest: Word): readonly Text[] {
  const strings = jsonOf(statement, rest);
  const words = strings?.map((text) => ({ text, at: rest.at })) ?? splitBlanks(rest);
  return words.map((word) => textOf(statement, word));
}

/** A JSON array is an argv, all else is for the shell. */
export function commandOf(statement: Statement, rest: Word): Command {
  const argv = jsonOf(statement, rest);
  return argv === undefined ? { kind: "shell", text: rest.text } : { kind: "exec", argv };
}
