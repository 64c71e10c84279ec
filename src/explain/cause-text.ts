import type { Because, Difference } from "./difference.ts";
import type { Cause } from "./explain-build.ts";

/** What is at the root of a cause, as one line: `src/main.c changed (COPY src /src, line 3)`. */
export function causeText({ kind, differences }: Cause, stage?: string): string {
  switch (kind) {
    case "changed":
      return rootText(differences);
    case "new":
      return "never built before";
    case "lost":
      return "it was built before, and its layer is gone: pruned, or not in the registry";
    case "failed":
      return "it did not finish in the build before";
    case "forgotten":
      return stage === undefined ? "--no-cache" : `--no-cache=${stage}`;
    case "unknown":
      return "what the earlier build was made of is not kept any more";
  }
}

/** The first difference down to its root; how many others there are beside it. */
export function rootText(differences: readonly Difference[]): string {
  const [first] = differences;
  if (first === undefined) return "unknown";
  const { because } = first;
  const rest = differences.length - 1;
  const more = rest === 0 ? "" : `, and ${rest} more`;
  if (because === undefined) return `${differenceText(first)}${more}`;
  const where = stepLabel(because);
  if (first.change === "added") return `${where} is new${more}`;
  if (first.change === "removed") return `${where} is gone${more}`;
  if (because.isForgotten === true) return `--no-cache: ${where} left something else${more}`;
  if (because.differences.length === 0) return `${where} left something else${more}`;
  const root = rootText(because.differences);
  // Only the step at the root is named.
  const isRoot = because.differences[0]!.because === undefined;
  return `${root}${isRoot ? ` (${where})` : ""}${more}`;
}

/** `COPY src /src, line 3`. */
export function stepLabel({ step: { text, line, where, op }, stage }: Because): string {
  if (op === "packages") return `packages of ${stage}`;
  if (op === "diff") return `the difference ${stage}`;
  const place = where ?? (line === 0 ? undefined : `line ${line}`);
  const words = text.length > 60 ? `${text.slice(0, 59)}…` : text;
  return place === undefined ? words : `${words}, ${place}`;
}

/** One difference, without what it comes from. */
export function differenceText(difference: Difference): string {
  const { field, name, change } = difference;
  const inside = difference.within === undefined ? "" : ` in the mount at ${difference.within}`;
  switch (field) {
    case "path":
      return `${pathText(difference)}${inside}`;
    case "package":
      return packageText(difference);
    case "variable":
      return name === undefined
        ? `the order of variables changed${values(difference)}`
        : `variable ${name} ${came(change)}${values(difference)}`;
    case "base":
      return `base ${name === undefined ? "changed" : `${name} is another image`}${values(difference)}`;
    case "below":
      return difference.because === undefined
        ? `what is below it ${difference.now ?? "changed"}`
        : `${stepLabel(difference.because)} ${came(change)}`;
    case "layout version":
      return `this Cambium makes other bytes (${name}${values(difference)})`;
    default:
      return `${field}${name === undefined ? "" : ` ${name}`} ${came(change)}${values(difference)}`;
  }
}

function came(change: Difference["change"]): string {
  return change === "added" ? "is new" : change === "removed" ? "is gone" : "changed";
}

function values({ before, now, change }: Difference): string {
  if (change === "changed" && before !== undefined && now !== undefined) return `: ${before} → ${now}`;
  // The earlier value is another machine's, and hidden.
  if (change === "changed" && now !== undefined) return `: now ${now}`;
  const value = now ?? before;
  return value === undefined ? "" : `: ${value}`;
}

function pathText({ name, aspect, change, before, now }: Difference): string {
  if (name === undefined) return change === "removed" ? "a file is gone" : (now ?? "files changed");
  if (change !== "changed") return `${name} ${came(change)}`;
  if (aspect === undefined || aspect === "content") return `${name} changed`;
  return `${aspect} of ${name} changed${values({ field: "path", change, ...(before !== undefined && { before }), ...(now !== undefined && { now }) })}`;
}

function packageText({ name, change, before, now, aspect }: Difference): string {
  if (aspect === "content") return `${name} ${now}: another archive of the same version`;
  if (change === "added") return `package ${name} ${now} is new`;
  if (change === "removed") return `package ${name} ${before} is gone`;
  return `${name} ${before} → ${now}`;
}
