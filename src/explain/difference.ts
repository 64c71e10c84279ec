import type { LoggedStep } from "./logged-build.ts";

/** What a key has that differs, by the words that people have for it. */
export type DifferenceField =
  | "platform"
  | "shell"
  | "command"
  | "script"
  | "variable"
  | "working directory"
  | "user"
  | "network"
  | "security"
  | "mount"
  | "source"
  | "destination"
  | "owner"
  | "chmod"
  | "exclude"
  | "option"
  | "path"
  | "package"
  | "base"
  | "python"
  | "bytecode"
  | "setting"
  | "SOURCE_DATE_EPOCH"
  | "layout version"
  | "stage"
  | "below";

/** One thing in which two keys differ. */
export type Difference = {
  readonly field: DifferenceField;
  /** Which one: a variable, a path, a package, a mount's target. */
  readonly name?: string;
  /** Of a path: what of it. */
  readonly aspect?: "content" | "mode" | "owner" | "link" | "type";
  readonly change: "added" | "removed" | "changed";
  /** Shortened; absent where it is not told. */
  readonly before?: string;
  readonly now?: string;
  /** Of a path: in which mount it is. */
  readonly within?: string;
  /** The step that this comes from, and what differs there. */
  readonly because?: Because;
};

export type Because = {
  readonly stage: string;
  readonly step: Pick<LoggedStep, "line" | "text" | "where" | "op">;
  /** Empty where the same step left something else. */
  readonly differences: readonly Difference[];
  readonly isForgotten?: true;
};

const SHOWN = 60;

/** Two values, cut to where they begin to differ. */
export function shortened(
  before: string | undefined,
  now: string | undefined,
): Pick<Difference, "before" | "now"> {
  const start = before === undefined || now === undefined ? 0 : firstDifference(before, now);
  const cut = (whole: string) => {
    const text = whole.replaceAll("\n", "\\n");
    if (text.length <= SHOWN) return text;
    const from = Math.max(0, Math.min(start - SHOWN / 3, text.length - SHOWN));
    const part = text.slice(from, from + SHOWN);
    return `${from > 0 ? "…" : ""}${part}${from + SHOWN < text.length ? "…" : ""}`;
  };
  return {
    ...(before !== undefined && { before: cut(before) }),
    ...(now !== undefined && { now: cut(now) }),
  };
}

function firstDifference(before: string, now: string): number {
  let at = 0;
  while (at < before.length && before[at] === now[at]) at++;
  return at;
}
