/** How a cell looks: what SGR can say that we use. */
export type CellStyle = {
  readonly color?: "red" | "green" | "yellow" | "cyan";
  readonly isBold: boolean;
  readonly isDim: boolean;
};
/** Cells of equal style that stand side by side. */
export type TextRun = { readonly text: string; readonly style: CellStyle };

type Cell = { readonly character: string; readonly style: CellStyle };

const esc = "\u001b";
const bel = "\u0007";
const plain: CellStyle = { isBold: false, isDim: false };
const colors = { 31: "red", 32: "green", 33: "yellow", 36: "cyan" } as const;

/**
 * What a terminal `columns` wide shows after `output`: the sequences of ECMA-48 that our reporter and log-update write
 * (cursor moves, erasing, SGR); others are passed over. Nothing scrolls away: the screen is as high as it must be.
 */
export function screenOf(output: string, columns: number): TextRun[][] {
  const rows: Cell[][] = [[]];
  let row = 0;
  let column = 0;
  let style = plain;
  // Parameters and final byte of a control sequence; an operating system command up to its end; or one character.
  const token = new RegExp(
    `${esc}\\[([?\\d;]*)([@-~])|${esc}\\][^${bel}${esc}]*(?:${bel}|${esc}\\\\)|${esc}.|[^]`,
    "gu",
  );
  for (const [character, parameters = "", final] of output.matchAll(token)) {
    const count = Number(parameters) || 1;
    if (final === "m") style = restyled(style, parameters);
    else if (final === "A") row = Math.max(0, row - count);
    else if (final === "B") row += count;
    else if (final === "C") column += count;
    else if (final === "D") column = Math.max(0, column - count);
    else if (final === "G") column = count - 1;
    else if (final === "K") erase(rows[row] ?? [], column, parameters);
    else if (final === "J") {
      erase(rows[row] ?? [], column, "");
      if (parameters !== "1") rows.length = Math.min(rows.length, row + 1);
    } else if (character === "\n") row++;
    else if (character === "\r") column = 0;
    else if (!character.startsWith(esc) && character >= " ") {
      if (column >= columns) [row, column] = [row + 1, 0];
      place(rows, row, column, { character, style });
      column++;
    }
    while (rows.length <= row) rows.push([]);
  }
  return rows.map(runsOf);
}

function place(rows: Cell[][], row: number, column: number, cell: Cell): void {
  while (rows.length <= row) rows.push([]);
  const line = rows[row]!;
  while (line.length < column) line.push({ character: " ", style: plain });
  line[column] = cell;
}

/** ECMA-48 §8.3.41 (EL): to the end, to the beginning, or all. */
function erase(line: Cell[], column: number, parameters: string): void {
  if (parameters === "2") line.length = 0;
  else if (parameters === "1")
    line.fill({ character: " ", style: plain }, 0, Math.min(line.length, column + 1));
  else line.length = Math.min(line.length, column);
}

function restyled(style: CellStyle, parameters: string): CellStyle {
  let next = style;
  for (const code of parameters.split(";").map(Number)) {
    if (code === 0) next = plain;
    else if (code === 1) next = { ...next, isBold: true };
    else if (code === 2) next = { ...next, isDim: true };
    else if (code === 22) next = { ...next, isBold: false, isDim: false };
    else if (code === 39) next = { isBold: next.isBold, isDim: next.isDim };
    else if (code in colors) next = { ...next, color: colors[code as keyof typeof colors] };
  }
  return next;
}

function runsOf(line: readonly Cell[]): TextRun[] {
  const runs: TextRun[] = [];
  for (const { character, style } of line) {
    const last = runs.at(-1);
    if (last !== undefined && JSON.stringify(last.style) === JSON.stringify(style)) {
      runs[runs.length - 1] = { text: last.text + character, style };
    } else runs.push({ text: character, style });
  }
  return runs;
}
