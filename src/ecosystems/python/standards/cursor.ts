import { usageError } from "../../../errors.ts";

/** Where a hand-written parser stands in a line of PEP 508. `pattern`s must be sticky (`/…/y`). */
export type Cursor = {
  readonly text: string;
  readonly where: string;
  readonly code: string;
  position: number;
};

/** Skips blanks (the grammar knows space and tab only). */
export function skipBlanks(cursor: Cursor): void {
  while (cursor.text[cursor.position] === " " || cursor.text[cursor.position] === "\t") cursor.position++;
}

/** Takes what `pattern` matches here, or nothing. */
export function take(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.position;
  const match = pattern.exec(cursor.text);
  if (match === null) return undefined;
  cursor.position += match[0].length;
  return match[0];
}

/** @throws CambiumError `cursor.code` with the column (from 1) and the text, credentials left out. */
export function failAt(cursor: Cursor, expected: string, hint: string, position = cursor.position): never {
  const place = `${cursor.where}: column ${position + 1}`;
  throw usageError(
    cursor.code,
    `${place}: expected ${expected}: ${JSON.stringify(redact(cursor.text))}`,
    hint,
  );
}

/**
 * Text that may be shown: at most 600 characters, the user part of URLs as `***`. A password may hold an unescaped `/`
 * or `@`, so what follows `name:` counts as one unless it is a port.
 */
export function redact(text: string): string {
  return text.slice(0, 600).replace(/:\/\/(?:[^/\s]*@|[^/\s:@]+:(?!\d{1,5}(?:\/|\s|$))\S*@)/g, "://***@");
}
