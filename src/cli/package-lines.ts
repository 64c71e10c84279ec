import type { PackageResult } from "../actions/results.ts";
import { formatBytes } from "../report/format.ts";
import { pad, printable } from "../report/printable.ts";
import type { Style } from "../report/style.ts";

/** Packages that a layer names before it only counts them: a base has a hundred. */
const namedPackages = 12;
const nameWidth = 56;

/** A layer's packages, the largest first; ties by name. */
export function packageLines(packages: readonly PackageResult[], style: Style): string[] {
  const sorted = packages.toSorted((a, b) => b.sizeBytes - a.sizeBytes || (a.name < b.name ? -1 : 1));
  const named = sorted.slice(0, namedPackages);
  const rest = sorted.slice(namedPackages);
  const lines = named.map((item) => line(`${item.name} ${item.version}`, item.sizeBytes, style));
  if (rest.length > 0) {
    const restBytes = rest.reduce((sum, item) => sum + item.sizeBytes, 0);
    lines.push(line(`and ${rest.length} more`, restBytes, style));
  }
  return lines;
}

function line(text: string, sizeBytes: number, style: Style): string {
  return style.dim(`       ${pad(printable(text), nameWidth)} ${formatBytes(sizeBytes).padStart(9)}`);
}
