import type { Escape } from "./directives.ts";
import { isSpace, leadingSpace, trim } from "./space.ts";

/** A word and where in its logical line it begins. */
export type Word = { readonly text: string; readonly at: number };

/** A logical line taken apart: `INSTRUCTION --flag=x rest`. Quotes and escapes of flags are taken away. */
export type SplitLine = {
  readonly instruction: Word;
  readonly flags: readonly Word[];
  readonly rest: Word;
};

/** What parts words of an instruction; other spaces of Unicode do not. */
const BLANKS = /[\t\v\f\r ]+/;

/** `base`: where `line` begins in the logical line. */
export function splitInstruction(line: string, escapeMark: Escape, base = 0): SplitLine {
  const start = leadingSpace(line);
  const whole = trim(line);
  const blank = BLANKS.exec(whole);
  if (blank === null) {
    const end = base + start + whole.length;
    return { instruction: { text: whole, at: base + start }, flags: [], rest: { text: "", at: end } };
  }
  const after = blank.index + blank[0].length;
  const { flags, end } = takeFlags(whole, after, escapeMark);
  const rest = whole.slice(end);
  return {
    instruction: { text: whole.slice(0, blank.index), at: base + start },
    flags: flags.map((flag) => ({ text: flag.text, at: base + start + flag.at })),
    rest: { text: trim(rest), at: base + start + end + leadingSpace(rest) },
  };
}

/** Words that begin with `--`, up to the first that does not or to a lone `--`. */
function takeFlags(line: string, from: number, escapeMark: Escape): { flags: Word[]; end: number } {
  const flags: Word[] = [];
  let at = from;
  for (;;) {
    while (at < line.length && isSpace(line[at]!)) at++;
    if (!line.startsWith("--", at)) return { flags, end: at };
    const start = at;
    let text = "";
    let isQuoted = false;
    let quote = "";
    for (; at < line.length; at++) {
      const character = line[at]!;
      if (quote === "" && isSpace(character)) break;
      if (quote === "" && (character === "'" || character === '"')) {
        quote = character;
        isQuoted = true;
      } else if (quote === character) quote = "";
      else if (character === escapeMark) text += line[++at] ?? "";
      else text += character;
    }
    if (text === "--") return { flags, end: at };
    if (isQuoted || text !== "") flags.push({ text, at: start });
  }
}

/** Words parted by blanks, as they are. */
export function splitBlanks({ text, at }: Word): Word[] {
  return text === "" ? [] : pieces(text, at);
}

function pieces(text: string, base: number): Word[] {
  const words: Word[] = [];
  let from = 0;
  for (const blank of text.matchAll(/[\t\v\f\r ]+/g)) {
    words.push({ text: text.slice(from, blank.index), at: base + from });
    from = blank.index + blank[0].length;
  }
  words.push({ text: text.slice(from), at: base + from });
  return words;
}

/** The first word and what follows the blanks after it; undefined for one word alone. */
export function splitFirst({ text, at }: Word): readonly [Word, Word] | undefined {
  const blank = BLANKS.exec(text);
  if (blank === null) return undefined;
  const end = blank.index + blank[0].length;
  return [
    { text: text.slice(0, blank.index), at },
    { text: text.slice(end), at: at + end },
  ];
}

/** Words of ENV, LABEL and ARG: spaces in quotes or after an escape do not part them; both stay for `expand`. */
export function splitQuoted({ text, at: base }: Word, escapeMark: Escape): Word[] {
  const words: Word[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && isSpace(text[at]!)) at++;
    if (at >= text.length) return words;
    const start = at;
    let word = "";
    let quote = "";
    for (; at < text.length; at++) {
      const character = text[at]!;
      if (quote === "" && isSpace(character)) break;
      if (character === escapeMark && quote !== "'") {
        // At the end of the text it is dropped.
        if (at + 1 === text.length) continue;
        word += character + text[++at]!;
        continue;
      }
      if (quote === character) quote = "";
      else if (quote === "" && (character === "'" || character === '"')) quote = character;
      word += character;
    }
    if (word !== "") words.push({ text: word, at: base + start });
  }
}

/**
 * The strings of a JSON array; undefined where the text is no JSON array, `"mixed"` for one that has anything but
 * strings.
 */
export function parseStrings(text: string): readonly string[] | "mixed" | undefined {
  const start = leadingSpace(text);
  if (text[start] !== "[") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text.slice(start));
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const isStrings = value.every((item) => typeof item === "string");
  return isStrings ? value.map((item: string) => item.toWellFormed()) : "mixed";
}
