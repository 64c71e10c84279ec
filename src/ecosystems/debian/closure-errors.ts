import { CambiumError, usageError } from "../../errors.ts";
import { type Dependency, type DependencyGroup, formatDependencies } from "./name.ts";
import type { DebPackage } from "./package.ts";
import type { Universe } from "./universe.ts";

/** Which package brought a package in, by name. */
export type NeededBy = ReadonlyMap<string, string>;

/** A name that was asked for and that no package has, or only by its `Provides`. */
export function packageUnknown(name: string, universe: Universe, where: string): CambiumError {
  const providers = universe.providers({ name }).map((one) => one.deb.name);
  if (providers.length > 0) {
    return usageError(
      "DEBIAN_PACKAGE_UNKNOWN",
      `${where}: ${name} is a virtual package`,
      `Name one that provides it: ${providers.slice(0, 6).join(", ")}.`,
    );
  }
  const nearest = universe.nearest(name);
  return usageError(
    "DEBIAN_PACKAGE_UNKNOWN",
    `${where}: no package is called ${JSON.stringify(name)}`,
    nearest.length > 0 ? `Did you mean ${nearest.join(", ")}?` : "Look it up with: apt-cache search WORD",
  );
}

/** `versionOf` gives the version of a name that there is or would be. */
export function unsatisfiable(
  by: DebPackage,
  group: DependencyGroup,
  versionOf: (name: string) => string | undefined,
  neededBy: NeededBy,
  where: string,
): CambiumError {
  const available = group.map(({ name }) => {
    const version = versionOf(name);
    return version === undefined ? `there is no ${name}` : `${name} is ${version}`;
  });
  return new CambiumError(
    "DEBIAN_UNSATISFIABLE",
    `${where}: ${by.deb.name} ${by.deb.version}${chainOf(by.deb.name, neededBy)} depends on ` +
      `${formatDependencies(group)}, but ${available.join(" and ")}`,
    { hint: "If choices were kept from an earlier lock, forget them: cambium lock --upgrade" },
  );
}

export function conflictError(
  one: DebPackage,
  other: DebPackage,
  conflict: Dependency,
  neededBy: NeededBy,
  where: string,
): CambiumError {
  return new CambiumError(
    "DEBIAN_CONFLICT",
    `${where}: ${one.deb.name} ${one.deb.version}${chainOf(one.deb.name, neededBy)} conflicts with ` +
      `${other.deb.name} ${other.deb.version}${chainOf(other.deb.name, neededBy)}: ${formatDependencies([conflict])}`,
    { hint: "Ask for one of them only." },
  );
}

/** ` (needed by a, by b)`, from the package up to what was asked for. */
function chainOf(name: string, neededBy: NeededBy): string {
  const chain: string[] = [];
  for (let by = neededBy.get(name); by !== undefined && chain.length < 8; by = neededBy.get(by))
    chain.push(by);
  return chain.length === 0 ? "" : ` (needed by ${chain.join(", by ")})`;
}
