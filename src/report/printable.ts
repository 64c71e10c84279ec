/**
 * Text from outside (package names, index answers) as one that cannot steer a terminal or fake a line: control and
 * format characters (ESC, line ends, direction marks) become visible escapes. `keepNewlines` for messages that have
 * several lines on purpose.
 */
export function printable(text: string, options: { readonly keepNewlines?: boolean } = {}): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === "\n" && options.keepNewlines === true) return character;
    if (character === "\t") return " ";
    return `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}

/**
 * Cells that `text` takes in a terminal; expects printable text. East Asian wide and emoji count two, combining marks
 * none: coarser than a full table, and only alignment depends on it.
 */
export function cellsOf(text: string): number {
  let cells = 0;
  for (const character of text) cells += cellsOfCharacter(character);
  return cells;
}

/** `text` in at most `width` cells; what is cut ends in an ellipsis. */
export function clip(text: string, width: number): string {
  if (cellsOf(text) <= width) return text;
  if (width < 1) return "";
  let cells = 0;
  let kept = "";
  for (const character of text) {
    const next = cellsOfCharacter(character);
    if (cells + next > width - 1) break;
    cells += next;
    kept += character;
  }
  return `${kept}…`;
}

/** `text` cut or filled to exactly `width` cells. */
export function pad(text: string, width: number): string {
  const fitted = clip(text, width);
  return fitted + " ".repeat(Math.max(0, width - cellsOf(fitted)));
}

function cellsOfCharacter(character: string): number {
  const code = character.codePointAt(0)!;
  if (code < 0x300) return 1;
  if (/\p{Mn}|\p{Me}/u.test(character)) return 0;
  const isWide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return isWide ? 2 : 1;
}
