const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};

/** Bytes of a size such as `64m`, `1.5GiB` or `100`; undefined for anything else. Units are powers of 1024. */
export function parseByteSize(text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+) ?(?:([kmgtp])(?:i?b)?|b)?$/i.exec(text);
  const factor = match === null ? undefined : UNITS[(match[2] ?? "").toLowerCase()];
  return match === null || factor === undefined ? undefined : Math.trunc(Number(match[1]) * factor);
}

/** Sizes as people read them: powers of 1000, as registries and download pages count, three digits at most. */
export function formatBytes(sizeBytes: number): string {
  if (sizeBytes < 1000) return `${sizeBytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = sizeBytes;
  let unit = "B";
  for (const next of units) {
    // 999.5 would print as "1000", so the limit stands there.
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
}
