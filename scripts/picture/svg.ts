import type { CellStyle, TextRun } from "./screen.ts";

const cellWidth = 8.4;
const lineHeight = 19;
const padding = 18;
const barHeight = 34;

/** Colours that read on the dark ground; the picture is the same in light and dark pages. */
const palette = {
  text: "#d6deeb",
  red: "#ff6b6b",
  green: "#7fd962",
  yellow: "#ffd866",
  cyan: "#6fd3e8",
} as const;

/** A terminal window as SVG: text stays text, so it can be found and read aloud. */
export function svgOf(lines: readonly (readonly TextRun[])[], columns: number, title: string): string {
  const width = Math.ceil(columns * cellWidth + 2 * padding);
  const height = barHeight + lines.length * lineHeight + padding;
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
    (color, at) => `<circle cx="${20 + at * 20}" cy="17" r="6" fill="${color}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(title)}</title>
<rect width="${width}" height="${height}" rx="9" fill="#0f1620"/>
${dots.join("")}
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14">
${lines.flatMap((line, at) => lineText(line, at)).join("\n")}
</g>
</svg>
`;
}

/** Each run is set where its first cell is and forced to its cells' width, so that no font can shift a column. */
function lineText(line: readonly TextRun[], at: number): string[] {
  const y = barHeight + (at + 0.8) * lineHeight;
  let column = 0;
  return line.flatMap((run) => {
    const x = padding + column * cellWidth;
    const length = [...run.text].length;
    column += length;
    if (run.text.trim() === "") return [];
    const box = `x="${x.toFixed(1)}" y="${y.toFixed(1)}" textLength="${(length * cellWidth).toFixed(1)}"`;
    return [`<text ${box} ${looks(run.style)}>${unbroken(escaped(run.text))}</text>`];
  });
}

/** Browsers fold spaces, whatever xml:space says: Chromium no longer reads it. */
function unbroken(text: string): string {
  return text.replaceAll(" ", "\u00a0");
}

function looks(style: CellStyle): string {
  const weight = style.isBold ? ' font-weight="700"' : "";
  return `fill="${palette[style.color ?? "text"]}"${style.isDim ? ' opacity="0.6"' : ""}${weight}`;
}

/** As text of an element; not for attributes. */
export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
