import type { LockChange, LockResult } from "../actions/results.ts";
import { formatCount } from "../report/format.ts";
import { printable } from "../report/printable.ts";
import type { Style } from "../report/style.ts";

const states = { written: "wrote", unchanged: "unchanged", stale: "out of date" } as const;

/** What a lock changed, then where it is. */
export function lockLines(lock: LockResult, style: Style): string[] {
  const packages = [
    formatCount(lock.distributions, "distribution"),
    formatCount(lock.debs, "Debian package"),
  ];
  const hasPackages = lock.distributions + lock.debs > 0 || lock.sources === 0;
  const sources = lock.sources === 0 ? [] : [formatCount(lock.sources, "source")];
  const counts = [...(hasPackages ? packages : []), ...sources].join(", ");
  const state = lock.state === "stale" ? style.yellow(states.stale) : states[lock.state];
  return [
    ...lock.changes.map((change) => changeLine(change, style)),
    `${state} ${printable(lock.path)}: ${counts}`,
    ...(lock.state === "stale" ? ["hint: Run cambium lock and commit the file."] : []),
  ];
}

function changeLine(change: LockChange, style: Style): string {
  const name = printable(change.name);
  const from = printable(change.from ?? "");
  const to = printable(change.to ?? "");
  if (change.from === undefined) return `${style.green("+")} ${name} ${to}`;
  if (change.to === undefined) return `${style.red("-")} ${name} ${from}`;
  return `${style.yellow("~")} ${name} ${from} -> ${to}`;
}
