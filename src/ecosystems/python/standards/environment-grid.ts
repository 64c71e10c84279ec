import { usageError } from "../../../errors.ts";
import {
  evaluateMarker,
  type Marker,
  type MarkerEnvironment,
  type MarkerSelection,
  markerEnvironment,
} from "./marker.ts";
import { type Specifier, satisfies } from "./specifier.ts";
import { compareVersions, formatVersion, tryVersion, type Version } from "./version.ts";

/**
 * Every environment that Cambium can build for, as far as a set of markers can tell them apart: CPython on Linux, two
 * machines, and Pythons in classes between the versions that the markers name. Over it a condition is a set of bits, so
 * that `and`, `or` and equality of conditions are exact and cheap, whatever their text.
 */
export type EnvironmentGrid = {
  /** First version of each class, ascending; a class ends where the next begins. */
  readonly versions: readonly Version[];
  /** Class `i` on machine `m` is bit `2 * i + m`. */
  readonly environments: readonly MarkerEnvironment[];
  /** The environments that the lock is for: only these count. */
  readonly all: bigint;
};

/** Bits of the environments where something holds. */
export type EnvironmentMask = bigint;

const MACHINES = ["amd64", "arm64"] as const;
/** Python 3.40 is some 25 years away. */
const MAX_MINOR = 40;
/** Real locks name some 20 versions. */
const MAX_CLASSES = 1000;

/**
 * The grid for some markers. Of `pythons`, the Pythons that a lock is for, one must allow an environment.
 * @throws CambiumError `LOCK_LIMIT` when the markers name an absurd number of versions.
 */
export function environmentGrid(
  markers: readonly Marker[],
  pythons: readonly Specifier[] = [[]],
): EnvironmentGrid {
  const starts = new Map<string, Version>();
  const add = (text: string) => {
    const version = tryVersion(text);
    if (version === undefined || version.epoch > 0) return;
    const [major = 0, minor = 0, patch = 0] = version.release.map(Number);
    // The next patch release, too: `<= 3.11.4` and `== 3.11.4` change between 3.11.4 and 3.11.5.
    for (const next of [`${major}.${minor}.${patch}`, `${major}.${minor}.${patch + 1}`]) {
      if (major === 3 && minor <= MAX_MINOR) starts.set(next, tryVersion(next)!);
    }
  };
  for (let minor = 0; minor <= MAX_MINOR; minor++) starts.set(`3.${minor}.0`, tryVersion(`3.${minor}.0`)!);
  for (const marker of markers)
    for (const literal of literalsOf(marker)) literal.match(/\d+(?:\.\d+)+/g)?.forEach(add);
  for (const clause of pythons.flat()) add(clause.text);
  if (starts.size > MAX_CLASSES) {
    throw usageError("LOCK_LIMIT", `markers name ${starts.size} Python versions, more than ${MAX_CLASSES}`);
  }
  const versions = [...starts.values()].sort(compareVersions);
  let all = 0n;
  const environments: MarkerEnvironment[] = [];
  for (const [i, version] of versions.entries()) {
    if (pythons.some((specifier) => satisfies(version, specifier))) all |= 3n << BigInt(2 * i);
    for (const architecture of MACHINES) {
      const platform = { os: "linux", architecture } as const;
      environments.push(markerEnvironment({ version: formatVersion(version), platform, glibc: [2, 17] }));
    }
  }
  return { versions, environments, all };
}

function literalsOf(marker: Marker): string[] {
  return marker.kind === "comparison" ? [marker.literal] : marker.parts.flatMap(literalsOf);
}

/** Where a marker holds; without a marker everywhere. */
export function maskOf(
  grid: EnvironmentGrid,
  marker: Marker | undefined,
  selection: MarkerSelection,
): EnvironmentMask {
  if (marker === undefined) return grid.all;
  let mask = 0n;
  for (const [i, environment] of grid.environments.entries()) {
    const bit = 1n << BigInt(i);
    if ((grid.all & bit) !== 0n && evaluateMarker(marker, environment, selection)) mask |= bit;
  }
  return mask;
}

/** A marker that holds just where `mask` says, among the grid's environments; `undefined` when it always holds. */
export function markerOf(grid: EnvironmentGrid, mask: EnvironmentMask): string | undefined {
  if ((mask & grid.all) === grid.all) return undefined;
  const [x86, arm] = MACHINES.map((_, machine) => pythonRanges(grid, mask, machine)) as [string, string];
  if (x86 === arm) return x86;
  const sides = [
    { machine: "x86_64", ranges: x86 },
    { machine: "aarch64", ranges: arm },
  ];
  const texts = sides.flatMap(({ machine, ranges }) => {
    if (ranges === NEVER) return [];
    const python = ranges === ALWAYS ? "" : ranges.includes(" or ") ? ` and (${ranges})` : ` and ${ranges}`;
    return [`platform_machine == '${machine}'${python}`];
  });
  return texts.join(" or ");
}

const NEVER = "python_version < '0'";
const ALWAYS = "python_version >= '0'";

/** The runs of set bits of one machine. Classes outside of `grid.all` count as either, whichever makes a run longer. */
function pythonRanges(grid: EnvironmentGrid, mask: EnvironmentMask, machine: number): string {
  const ranges: string[] = [];
  let start: number | undefined;
  let isOpenBelow = true;
  const close = (end: number | undefined) => {
    if (start === undefined) return;
    const lower = isOpenBelow ? [] : [`python_full_version >= '${shortest(grid.versions[start]!)}'`];
    const upper = end === undefined ? [] : [`python_full_version < '${shortest(grid.versions[end]!)}'`];
    ranges.push([...lower, ...upper].join(" and ") || ALWAYS);
    start = undefined;
  };
  for (const i of grid.versions.keys()) {
    const bit = 1n << BigInt(2 * i + machine);
    if ((grid.all & bit) === 0n) continue;
    if ((mask & bit) !== 0n) start ??= i;
    else {
      close(i);
      isOpenBelow = false;
    }
  }
  close(undefined);
  return ranges.join(" or ") || NEVER;
}

function shortest(version: Version): string {
  return formatVersion(version).replace(/^(\d+\.\d+)\.0$/, "$1");
}
