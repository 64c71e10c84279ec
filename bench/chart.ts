import { escaped } from "../scripts/picture/svg.ts";
import { type ComparedRow, isMet, type Sides } from "./comparison.ts";
import { seconds } from "./spell.ts";

const width = 940;
/** Where the axis begins, right of the rows' names, and where it ends, left of the last value. */
const left = 240;
const right = 840;
const top = 64;
const bar = { height: 11, step: 14 };
const groupGap = 14;
/** Of a time in the smaller text, with room. */
const labelWidth = 60;

const sides = [
  { side: "pip", label: "BuildKit + pip", legendX: 0 },
  { side: "uv", label: "BuildKit + uv + cache mount", legendX: 140 },
  { side: "own", label: "Cambium", legendX: 360 },
] as const;

/** Ground and text follow the reader's page: the picture is transparent. */
const style = `text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,"DejaVu Sans",sans-serif;fill:#1f2328}
.faint{fill:#59636e;font-size:11px}
.name{font-weight:600}
.grid{stroke:#d1d9e0}
.spread,.bound{stroke:#1f2328;stroke-width:1.5}
.bound{stroke-dasharray:3 2}
.pip{fill:#9aa4af}
.uv{fill:#d4a72c}
.own{fill:#1a7f64}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.faint{fill:#9198a1}
.grid{stroke:#30363d}
.spread,.bound{stroke:#e6edf3}
.pip{fill:#6e7781}
.uv{fill:#bb8009}
.own{fill:#2ea886}
}`;

/**
 * Bars of medians on a logarithmic axis, a group for each row; a line over a bar's end from the fastest to the slowest
 * round, and a dashed one where the bound on Cambium's time is. A missed bound is named, a bound beside a peer too.
 */
export function chartOf(rows: readonly ComparedRow[]): string {
  const axis = axisOf(rows);
  const groupHeight = sides.length * bar.step + groupGap;
  const bottom = top + rows.length * groupHeight;
  const body = rows.flatMap((row, at) => group(row, top + at * groupHeight + groupGap / 2, axis));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${bottom + 12}" viewBox="0 0 ${width} ${bottom + 12}" role="img">
<title>Whole builds with push: BuildKit with pip, BuildKit with uv and a cache mount, Cambium</title>
<style>${style}</style>
${legend()}
${axis.decades.map((ms) => gridLine(ms, axis.x(ms), bottom)).join("\n")}
${body.join("\n")}
</svg>
`;
}

type Axis = { readonly decades: readonly number[]; readonly x: (ms: number) => number };

/** Whole powers of ten around everything that is drawn. */
function axisOf(rows: readonly ComparedRow[]): Axis {
  const drawn = rows.flatMap((row) => [
    ...sides.flatMap(({ side }) => row.sides[side].timesMs),
    ...timeBound(row),
  ]);
  const first = Math.floor(Math.log10(Math.min(...drawn)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...drawn))));
  const x = (ms: number) => left + ((Math.log10(ms) - first) / (last - first)) * (right - left);
  return { decades: Array.from({ length: last - first + 1 }, (_, at) => 10 ** (first + at)), x };
}

function timeBound({ bounds }: ComparedRow): number[] {
  return bounds.flatMap((bound) => (bound.kind === "time" ? [bound.atMostMs] : []));
}

function legend(): string {
  const entries = sides.map(({ side, label, legendX }) => {
    const x = left + legendX;
    return `<rect class="${side}" x="${x}" y="12" width="12" height="12" rx="2"/><text x="${x + 18}" y="22">${label}</text>`;
  });
  const x = left + 470;
  return `${entries.join("\n")}
<line class="bound" x1="${x}" y1="10" x2="${x}" y2="26"/><text x="${x + 8}" y="22">bound on Cambium</text>`;
}

function gridLine(ms: number, x: number, bottom: number): string {
  const label = ms < 1000 ? `${ms} ms` : `${ms / 1000} s`;
  return `${line("grid", [x, fixed(top - 8)], [x, fixed(bottom)])}<text class="faint" x="${fixed(x)}" y="${top - 14}" text-anchor="middle">${label}</text>`;
}

function group(row: ComparedRow, y: number, { x }: Axis): string[] {
  const middle = y + ((sides.length - 1) * bar.step + bar.height) / 2;
  const bars = sides.flatMap(({ side }, at) => barOf(row, side, y + at * bar.step, x));
  const name = `<text class="name" x="${left - 10}" y="${fixed(middle + 4)}" text-anchor="end">${escaped(row.name)}</text>`;
  return [name, ...bars];
}

function barOf(row: ComparedRow, side: keyof Sides, y: number, x: Axis["x"]): string[] {
  const { medianMs, timesMs } = row.sides[side];
  const [least, most] = [x(Math.min(...timesMs)), x(Math.max(...timesMs))];
  const middle = fixed(y + bar.height / 2);
  const bounds = side === "own" ? timeBound(row).map(x) : [];
  const isMissed = side === "own" && row.bounds.some((bound) => !isMet(bound, row.sides, row.imports));
  const label = seconds(medianMs) + (isMissed ? ", bound missed" : "");
  return [
    `<rect class="${side}" x="${left}" y="${fixed(y)}" width="${fixed(x(medianMs) - left)}" height="${bar.height}" rx="1.5"/>`,
    ...(timesMs.length < 2 ? [] : [line("spread", [least, middle], [most, middle])]),
    ...bounds.map((at) => line("bound", [at, fixed(y - 2)], [at, fixed(y + bar.height + 2)])),
    `<text class="faint" x="${fixed(labelX(most, bounds))}" y="${fixed(y + bar.height - 2)}">${label}</text>`,
  ];
}

/** Right of the bar, and of a bound that would go through the text. */
function labelX(barEnd: number, bounds: readonly number[]): number {
  const crossed = bounds.filter((at) => at < barEnd + labelWidth);
  return Math.max(barEnd, ...crossed) + 6;
}

function line(look: string, [x1, y1]: [number, string], [x2, y2]: [number, string]): string {
  return `<line class="${look}" x1="${fixed(x1)}" y1="${y1}" x2="${fixed(x2)}" y2="${y2}"/>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
