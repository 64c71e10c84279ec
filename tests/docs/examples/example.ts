/** A quoted piece of a format page: what the code makes of the page's worked example, as text. */
export type Example = { readonly name: string; readonly text: string };

/** Offset, sixteen bytes and their ASCII a line, as `hexdump -C` has it; a `*` stands for equal lines. */
export function hexDump(bytes: Uint8Array, start = 0): string {
  const lines: string[] = [];
  let before = "";
  for (let at = 0; at < bytes.length; at += 16) {
    const row = Buffer.from(bytes.subarray(at, at + 16));
    const hex = [...row].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const ascii = row.toString("latin1").replace(/[^\x20-\x7e]/g, ".");
    if (hex === before) {
      if (lines.at(-1) !== "*") lines.push("*");
      continue;
    }
    before = hex;
    lines.push(`${(start + at).toString(16).padStart(8, "0")}  ${hex.padEnd(47)}  |${ascii}|`);
  }
  return lines.join("\n");
}

/** Columns as wide as their widest cell, two spaces between. */
export function columns(rows: readonly (readonly (string | number)[])[]): string {
  const widths =
    rows[0]?.map((_, column) => Math.max(...rows.map((row) => String(row[column]).length))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, i) => String(cell).padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `drwxr-x---`-like types are hard to compare by eye: type letter and octal mode. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
