const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  "\u00B5s": 1e3,
  "\u03BCs": 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Nanoseconds of a duration as Go writes them, such as `1m30s` or `1.5h`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const body = text.replace(/^[+-]/, "");
  if (body === "0") return 0;
  const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([a-z\u00B5\u03BC]+)/y;
  let sum = 0;
  do {
    const [, amount = "", unit = ""] = part.exec(body) ?? [];
    const size = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
    if (size === undefined) return undefined;
    sum += Number(amount) * size;
  } while (part.lastIndex < body.length);
  return sum > 2 ** 63 ? undefined : sign * Math.trunc(sum);
}

/** As Go prints a duration: `1m30s`, `100ms`, `0s`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}\u00B5s`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const hours = Math.floor(nanoseconds / 3600e9);
  const minutes = Math.floor(nanoseconds / 60e9) % 60;
  const nanos = nanoseconds % 60e9;
  const seconds = `${Math.floor(nanos / 1e9)}${fraction(nanos % 1e9)}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

function fraction(nanoseconds: number): string {
  return nanoseconds === 0 ? "" : `.${String(nanoseconds).padStart(9, "0").replace(/0+$/, "")}`;
}
