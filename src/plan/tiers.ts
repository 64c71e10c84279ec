import type { Segment } from "../layer/segment.ts";
import { isLibraryBytecode } from "../solve/bytecode/kinds.ts";
import { isDpkgDatabase } from "../solve/debian-segments.ts";
import type { TierGroups } from "../solve/image-layers.ts";
import type { PackageSnapshot } from "../solve/snapshot.ts";
import {
  BYTECODE_BUDGET,
  DEBIAN_BUDGET,
  DEFAULT_THRESHOLDS,
  type Group,
  groupPackages,
  PYTHON_BUDGET,
  type Weighed,
} from "./group.ts";

/**
 * Which layers an image has, lowest first: Debian's packages, what no package ships, dpkg's database, the bytecode of
 * Python's own modules, the environment, Python's packages, their bytecode, then each copy of the user's files. A change
 * in one tier leaves the layers of the others as they are.
 */
export function planTiers(packages: PackageSnapshot, files: readonly Segment[]): TierGroups[] {
  const library = packages.bytecode.filter(isLibraryBytecode);
  const bytecode = packages.bytecode.filter((segment) => !isLibraryBytecode(segment));
  const tiers: TierGroups[] = [
    named("debian", groupPackages(packages.debian, DEBIAN_BUDGET)),
    single(
      "base",
      packages.generated.filter((segment) => !isDpkgDatabase(segment)),
    ),
    single("dpkg", packages.generated.filter(isDpkgDatabase)),
    library.map((segment) => ({ name: `bytecode ${segment.key}`, members: [segment] })),
    single("venv", packages.venv),
    named("python", groupPackages(packages.wheels, PYTHON_BUDGET)),
    named("bytecode", groupPackages(bytecode, BYTECODE_BUDGET)),
    ...files.map((segment) => single(segment.name, [segment])),
  ];
  return tiers.filter((groups) => groups.length > 0);
}

/** Why the packages of a layer stand together, for `plan`. */
export function groupingOf(name: string, segments: readonly Segment[]): string {
  if (name === "base" || name === "dpkg" || name === "venv") return name;
  if (segments.every(({ recipe }) => recipe.ecosystem === "files" || recipe.ecosystem === "generated"))
    return "files";
  if (segments.every(isLibraryBytecode)) return "library";
  const isHeavy = segments.length === 1 && (segments[0]?.sizeBytes ?? 0) > DEFAULT_THRESHOLDS.heavyBytes;
  return isHeavy ? "heavy" : "bucket";
}

function single(name: string, members: readonly Segment[]): TierGroups {
  return members.length === 0 ? [] : [{ name, members }];
}

function named(ecosystem: string, groups: readonly Group<Segment>[]): TierGroups {
  return groups.map(({ members }) => ({ name: `${ecosystem} ${groupName(members)}`, members }));
}

/** What people see: `numpy`, or of several the largest, `pandas and 3 more`. */
export function groupName(members: readonly Weighed[]): string {
  const [first, ...others] = members.toSorted(
    (a, b) => b.sizeBytes - a.sizeBytes || (a.key < b.key ? -1 : 1),
  );
  if (first === undefined) return "";
  return others.length === 0 ? first.key : `${first.key} and ${others.length} more`;
}
