import { syntaxError, textOf } from "./arguments.ts";
import type { Escape } from "./directives.ts";
import { readFlags } from "./flags.ts";
import type { ArgInstruction, Pair, PairsInstruction } from "./instructions.ts";
import { splitFirst, splitQuoted, type Word } from "./split.ts";
import type { Statement } from "./statements.ts";

/** ENV and LABEL: `NAME=value` as often as wanted, or once `NAME value` with all that follows. */
export function parsePairs(
  statement: Statement,
  escapeMark: Escape,
  kind: PairsInstruction["kind"],
): PairsInstruction {
  readFlags(statement, {});
  const words = splitQuoted(statement.rest, escapeMark);
  if (words[0] === undefined) throw syntaxError(statement, "has no value", "Write NAME=value.");
  if (!words[0].text.includes("=")) return { kind, pairs: [legacyPair(statement)] };
  return { kind, pairs: words.map((word) => pairOf(statement, word)) };
}

function legacyPair(statement: Statement): Pair {
  const parts = splitFirst(statement.rest);
  if (parts === undefined) {
    throw syntaxError(
      statement,
      `${JSON.stringify(statement.rest.text)} has no value`,
      "Write NAME=value.",
      statement.rest.at,
    );
  }
  const [name, value] = parts;
  return { name: textOf(statement, name), value: textOf(statement, value), isLegacy: true };
}

function pairOf(statement: Statement, word: Word): Pair {
  const equals = word.text.indexOf("=");
  if (equals < 1) {
    const problem = equals === 0 ? "has no name" : "has no =";
    throw syntaxError(
      statement,
      `${JSON.stringify(word.text)} ${problem}`,
      "Write NAME=value, with quotes around a value that has spaces.",
      word.at,
    );
  }
  const { where } = textOf(statement, word);
  return {
    name: { text: word.text.slice(0, equals), where },
    value: { text: word.text.slice(equals + 1), where },
    isLegacy: false,
  };
}

/** ARG: `NAME` or `NAME=default`, several of them. BuildKit looks at no flag here. */
export function parseArg(statement: Statement, escapeMark: Escape): ArgInstruction {
  const words = splitQuoted(statement.rest, escapeMark);
  if (words.length === 0) throw syntaxError(statement, "has no name", "Write ARG NAME or ARG NAME=default.");
  return {
    kind: "arg",
    args: words.map((word) => {
      const equals = word.text.indexOf("=");
      if (equals === -1) return { name: word.text };
      const { text, where } = textOf(statement, word);
      if (equals === 0)
        throw syntaxError(statement, `${JSON.stringify(text)} has no name`, undefined, word.at);
      return { name: text.slice(0, equals), value: { text: text.slice(equals + 1), where } };
    }),
  };
}
