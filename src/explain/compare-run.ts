import type { RunKeyDocument } from "../graph/step-key.ts";
import { type Difference, type DifferenceField, shortened } from "./difference.ts";
import { leafDifferences, shownValue } from "./leaf-differences.ts";
import type { Lens } from "./lens.ts";

type Mount = RunKeyDocument["mounts"][number];

/** Where two bind mounts of one target show other files. */
export type MountedDifference = (before: string, now: string, target: string) => readonly Difference[];

/** What differs between two RUNs besides what is below them, in order of importance. */
export function compareRuns(
  before: RunKeyDocument,
  now: RunKeyDocument,
  lens: Lens,
  mounted: MountedDifference,
): Difference[] {
  const one = (field: DifferenceField, a: string, b: string): Difference[] =>
    lens.same(a, b) ? [] : [{ field, change: "changed", ...shortened(lens.shown(a), b) }];
  const mounts = mountDifferences(before.mounts, now.mounts, lens, mounted);
  // The variable of an agent comes with its mount.
  const agents = new Set(mounts.map(({ name }) => name));
  const variables = variableDifferences(before.env, now.env, lens).filter(
    ({ name, before: a, now: b }) => name !== "SSH_AUTH_SOCK" || !agents.has(b ?? a),
  );
  return [
    ...one("platform", before.platform, now.platform),
    ...commandDifferences(before.argv, now.argv, lens),
    ...scriptDifferences(before.scripts, now.scripts, lens),
    ...variables,
    ...one("working directory", before.cwd, now.cwd),
    ...one("user", before.user, now.user),
    ...mounts,
    ...one("network", before.network, now.network),
    ...one("security", before.security, now.security),
    ...epochDifference(before.sourceDateEpoch, now.sourceDateEpoch),
    ...(before.version === now.version ? [] : [layoutDifference("key", before.version, now.version)]),
  ];
}

export function layoutDifference(name: string, before: unknown, now: unknown): Difference {
  return {
    field: "layout version",
    name,
    change: "changed",
    ...shortened(shownValue(before), shownValue(now)),
  };
}

export function epochDifference(before: number | undefined, now: number | undefined): Difference[] {
  if (before === now) return [];
  const change = before === undefined ? "added" : now === undefined ? "removed" : "changed";
  return [{ field: "SOURCE_DATE_EPOCH", change, ...shortened(shownValue(before), shownValue(now)) }];
}

/** The shell is what stands before the last word, where that alone is the command. */
function commandDifferences(before: readonly string[], now: readonly string[], lens: Lens): Difference[] {
  const isSame = before.length === now.length && now.every((word, at) => lens.same(before[at]!, word));
  if (isSame) return [];
  const [last, lastNow] = [before.at(-1), now.at(-1)];
  const isShell =
    last !== undefined &&
    lastNow !== undefined &&
    now.length > 1 &&
    before.length > 1 &&
    lens.same(last, lastNow);
  const text = (words: readonly string[], its?: Lens) =>
    shownValue(isShell ? words.slice(0, -1) : words, its);
  const isHidden = before.some((word) => lens.shown(word) === undefined);
  const shown = shortened(isHidden ? undefined : text(before, lens), text(now));
  return [{ field: isShell ? "shell" : "command", change: "changed", ...shown }];
}

function scriptDifferences(
  before: RunKeyDocument["scripts"],
  now: RunKeyDocument["scripts"],
  lens: Lens,
): Difference[] {
  return leafDifferences(before, now, lens).map(({ path, before: a, now: b }) => {
    const name = now[Number(path[0])]?.path ?? lens.shown(before[Number(path[0])]?.path ?? "");
    const change = b === undefined ? "removed" : a === undefined ? "added" : "changed";
    return {
      field: "script",
      ...(name !== undefined && { name }),
      change,
      ...(change === "changed" && shortened(shownValue(a, lens), shownValue(b))),
    };
  });
}

function variableDifferences(
  before: RunKeyDocument["env"],
  now: RunKeyDocument["env"],
  lens: Lens,
): Difference[] {
  const [old, ours] = [new Map(before), new Map(now)];
  const found: Difference[] = [];
  for (const [name, value] of ours) {
    const earlier = old.get(name);
    if (earlier === undefined)
      found.push({ field: "variable", name, change: "added", ...shortened(undefined, value) });
    else if (!lens.same(earlier, value)) {
      found.push({ field: "variable", name, change: "changed", ...shortened(lens.shown(earlier), value) });
    }
  }
  for (const [name, value] of old) {
    if (ours.has(name)) continue;
    found.push({ field: "variable", name, change: "removed", ...shortened(lens.shown(value), undefined) });
  }
  if (found.length > 0) return found;
  const names = (env: RunKeyDocument["env"]) => env.map(([name]) => name).join(" ");
  if (names(before) === names(now)) return [];
  return [{ field: "variable", change: "changed", ...shortened(names(before), names(now)) }];
}

/** Where it is seen: a secret that is only a variable has no place. */
function placeOf(mount: Mount): string {
  return mount.target ?? ("env" in mount ? `$${mount.env ?? ""}` : "");
}

function mountDifferences(
  before: readonly Mount[],
  now: readonly Mount[],
  lens: Lens,
  mounted: MountedDifference,
): Difference[] {
  const same = (a: Mount, b: Mount) =>
    a.target === undefined || b.target === undefined
      ? a.target === b.target && leafDifferences("env" in a && a.env, "env" in b && b.env, lens).length === 0
      : lens.same(a.target, b.target);
  const found = now.flatMap((mount): readonly Difference[] => {
    const earlier = before.find((one) => same(one, mount));
    const named = { field: "mount", name: placeOf(mount) } as const;
    if (earlier === undefined) return [{ ...named, change: "added", now: mount.type }];
    if (earlier.type === "bind" && mount.type === "bind" && !lens.same(earlier.content, mount.content)) {
      const inside = mounted(earlier.content, mount.content, mount.target);
      if (inside.length > 0) return inside;
    }
    const differing = leafDifferences(earlier, mount, lens);
    if (differing.length === 0) return [];
    const words = (leaf: "before" | "now") =>
      differing.map((one) => `${one.path.join(".")} ${shownValue(one[leaf]) ?? "none"}`).join(", ");
    const isHidden = differing.some(
      ({ before: value }) => typeof value === "string" && lens.shown(value) === undefined,
    );
    return [
      { ...named, change: "changed", ...shortened(isHidden ? undefined : words("before"), words("now")) },
    ];
  });
  const gone = before.filter((one) => !now.some((mount) => same(one, mount)));
  return [
    ...found,
    ...gone.map((mount): Difference => {
      const name = lens.shown(placeOf(mount));
      return { field: "mount", ...(name !== undefined && { name }), change: "removed", before: mount.type };
    }),
    ...(found.length === 0 && gone.length === 0 ? orderDifference(before, now, lens) : []),
  ];
}

function orderDifference(before: readonly Mount[], now: readonly Mount[], lens: Lens): Difference[] {
  if (leafDifferences(before, now, lens).length === 0) return [];
  return [{ field: "mount", change: "changed", now: `in the order ${now.map(placeOf).join(" ")}` }];
}
