import { usageError } from "../../../errors.ts";

/** A logical line: continuations joined, comment and space around it removed, variables expanded. */
export type RequirementsLine = { readonly number: number; readonly text: string };

/** Marks at the start of a file, longest first: UTF-32's begins with UTF-16's. */
const BYTE_ORDER_MARKS: readonly (readonly [mark: string, encoding: string | undefined])[] = [
  ["fffe0000", undefined],
  ["0000feff", undefined],
  ["efbbbf", "utf-8"],
  ["fffe", "utf-16le"],
  ["feff", "utf-16be"],
];

/**
 * The text of a requirements file: by its byte order mark, else by a PEP 263 comment in the first two lines, else UTF-8.
 * The host's locale has no say, so that every machine reads the same.
 * @throws CambiumError `REQUIREMENTS_ENCODING`.
 */
export function decodeRequirements(bytes: Uint8Array, where: string): string {
  const start = Buffer.from(bytes.subarray(0, 4)).toString("hex");
  const mark = BYTE_ORDER_MARKS.find(([prefix]) => start.startsWith(prefix));
  const encoding = mark === undefined ? declaredEncoding(bytes) : mark[1];
  try {
    if (encoding === undefined) throw new RangeError("UTF-32");
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw usageError(
      "REQUIREMENTS_ENCODING",
      `${where}: cannot be read as ${encoding ?? "UTF-32"}`,
      "Save the file as UTF-8, or name its encoding in the first line: # -*- coding: latin-1 -*-",
      cause,
    );
  }
}

function declaredEncoding(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 512)).toString("latin1").split(/\r?\n/).slice(0, 2);
  for (const line of head) {
    const match = line.startsWith("#") ? /coding[:=]\s*([-\w.]+)/.exec(line) : null;
    // Python's name for what the web calls windows-1252's parent.
    if (match !== null)
      return match[1]!
        .toLowerCase()
        .replaceAll("_", "-")
        .replace(/^latin-1$/, "latin1");
  }
  return "utf-8";
}

/**
 * Splits into logical lines as pip does: a backslash joins, but not within a comment; `#` starts a comment at the start
 * of a line or after a blank; `${NAME}` is taken from `env`.
 * @throws CambiumError `REQUIREMENTS_VARIABLE` for one that is not set: sending the text itself helps nobody.
 */
export function requirementsLines(
  text: string,
  where: string,
  env: Readonly<Record<string, string | undefined>>,
): RequirementsLine[] {
  const lines: RequirementsLine[] = [];
  let pending: { number: number; text: string } | undefined;
  const finish = (number: number, joined: string) => {
    const bare = joined.replace(/(^|\s+)#.*$/s, "").trim();
    if (bare !== "") lines.push({ number, text: expandVariables(bare, `${where}:${number}`, env) });
    pending = undefined;
  };
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const isComment = /^\s*#/.test(line);
    const number = pending?.number ?? index + 1;
    const before = pending?.text ?? "";
    if (line.endsWith("\\") && !isComment) pending = { number, text: before + line.replace(/\\+$/, "") };
    else finish(number, before + (isComment ? ` ${line}` : line));
  }
  if (pending !== undefined) finish(pending.number, pending.text);
  return lines;
}

function expandVariables(
  text: string,
  where: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  return text.replace(/\$\{([A-Z0-9_]+)\}/g, (written, name: string) => {
    const value = env[name];
    if (value !== undefined) return value;
    throw usageError(
      "REQUIREMENTS_VARIABLE",
      `${where}: ${written} is not set`,
      `Set ${name} in the environment.`,
    );
  });
}

/**
 * Words as a POSIX shell splits them, without any expansion.
 * @throws CambiumError `REQUIREMENTS_SYNTAX` for a quote that is never closed.
 */
export function shellWords(text: string, where: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const [token] of text.matchAll(/\s+|'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\]+|./gs)) {
    if (/^\s/.test(token)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (token.length > 1 && token.startsWith("'")) word = (word ?? "") + token.slice(1, -1);
    else if (token.length > 1 && token.startsWith('"'))
      word = (word ?? "") + token.slice(1, -1).replace(/\\(["\\$`])/g, "$1");
    else if (token.startsWith("\\")) word = (word ?? "") + token.slice(1);
    else if (token === "'" || token === '"') {
      throw usageError("REQUIREMENTS_SYNTAX", `${where}: a quote is not closed`, `Close it with ${token}.`);
    } else word = (word ?? "") + token;
  }
  return word === undefined ? words : [...words, word];
}
