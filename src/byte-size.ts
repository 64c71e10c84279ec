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
