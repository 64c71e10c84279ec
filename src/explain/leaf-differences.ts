import type { Lens } from "./lens.ts";

/** A value of a document that differs: text, number, boolean, or what is only on one side. */
export type LeafDifference = {
  readonly path: readonly string[];
  readonly before: unknown;
  readonly now: unknown;
};

/** Where two plain documents differ, in the order of their fields: as deep as both go. */
export function leafDifferences(
  before: unknown,
  now: unknown,
  lens: Lens,
  path: readonly string[] = [],
): LeafDifference[] {
  if (typeof before === "string" && typeof now === "string") {
    return lens.same(before, now) ? [] : [{ path, before, now }];
  }
  if (isPart(before) && isPart(now) && Array.isArray(before) === Array.isArray(now)) {
    const names = new Set([...Object.keys(now), ...Object.keys(before)]);
    return [...names].flatMap((name) => leafDifferences(before[name], now[name], lens, [...path, name]));
  }
  return before === now ? [] : [{ path, before, now }];
}

function isPart(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** A value as people read it; undefined where the lens hides it. */
export function shownValue(value: unknown, lens?: Lens): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") return lens === undefined ? value : lens.shown(value);
  if (typeof value !== "object" || value === null) return String(value);
  const parts = Object.entries(value).map(([name, part]) => {
    const text = shownValue(part, lens) ?? "…";
    return Array.isArray(value) ? text : `${name}: ${text}`;
  });
  return parts.join(Array.isArray(value) ? " " : ", ");
}
