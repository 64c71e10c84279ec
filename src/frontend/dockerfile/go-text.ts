/** Characters that Go prints as they are inside quotes. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const SHORT: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/** A text in quotes as Go prints it: what `docker history` shows of CMD and ENTRYPOINT. */
export function quoteText(text: string): string {
  return `"${Array.from(text, quoteCharacter).join("")}"`;
}

function quoteCharacter(character: string): string {
  const short = Object.hasOwn(SHORT, character) ? SHORT[character] : undefined;
  if (short !== undefined) return short;
  if (PRINTABLE.test(character)) return character;
  const code = character.codePointAt(0)!;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000
    ? `\\u${code.toString(16).padStart(4, "0")}`
    : `\\U${code.toString(16).padStart(8, "0")}`;
}

export function quoteList(texts: readonly string[]): string {
  return `[${texts.map(quoteText).join(" ")}]`;
}

export function plainList(texts: readonly string[]): string {
  return `[${texts.join(" ")}]`;
}
