/** One line of the file without its line break; `raw` has it still, as heredocs keep it. */
export type FileLine = { readonly text: string; readonly raw: string };

/** A piece of a logical line: where in it the piece begins, and where that is in the file (both from 1). */
type Piece = { readonly at: number; readonly line: number; readonly column: number };

/**
 * What stands on one logical line: continuation lines joined, comments between them left out. `where` turns a place in
 * `text` into `Dockerfile:LINE:COLUMN`; a line of no file (a trigger of a base image) is where its FROM is.
 */
export type LogicalLine = {
  readonly text: string;
  readonly line: number;
  readonly where: (offset: number) => string;
};

const BYTE_ORDER_MARK = "\uFEFF";

export function splitLines(text: string): FileLine[] {
  const whole = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  const lines: FileLine[] = [];
  for (let from = 0; from < whole.length; ) {
    const end = whole.indexOf("\n", from);
    const next = end === -1 ? whole.length : end + 1;
    const raw = whole.slice(from, next);
    lines.push({ text: withoutLineBreak(raw), raw });
    from = next;
  }
  return lines;
}

export function withoutLineBreak(raw: string): string {
  let end = raw.length;
  while (end > 0 && (raw[end - 1] === "\n" || raw[end - 1] === "\r")) end--;
  return raw.slice(0, end);
}

/** Collects the pieces of one logical line. */
export class LineBuilder {
  readonly #parts: string[] = [];
  readonly #pieces: Piece[] = [];
  #length = 0;

  add(text: string, line: number, column: number): void {
    this.#pieces.push({ at: this.#length, line, column });
    this.#parts.push(text);
    this.#length += text.length;
  }

  build(place: (line: number, column: number) => string): LogicalLine {
    const pieces = this.#pieces;
    return {
      text: this.#parts.join(""),
      line: pieces[0]?.line ?? 1,
      where: (offset) => {
        const piece = pieceAt(pieces, offset);
        return piece === undefined ? place(1, 1) : place(piece.line, piece.column + offset - piece.at);
      },
    };
  }
}

/** The last piece that begins at or before `offset`. */
function pieceAt(pieces: readonly Piece[], offset: number): Piece | undefined {
  let low = 0;
  let high = pieces.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (pieces[middle]!.at <= offset) low = middle;
    else high = middle - 1;
  }
  return pieces[low];
}
