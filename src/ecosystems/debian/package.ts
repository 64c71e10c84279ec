import type { Dependency, DependencyGroup } from "./name.ts";
import { satisfies } from "./version.ts";

/** A binary package with its relations to others (Debian Policy §7), from an index or installed. */
export type DebPackage = {
  readonly deb: { readonly name: string; readonly version: string };
  /** Pre-Depends and Depends. */
  readonly depends: readonly DependencyGroup[];
  readonly provides: readonly Dependency[];
  /** Conflicts and Breaks. */
  readonly conflicts: readonly Dependency[];
};

/** Whether a package fulfils a dependency, by its own name or by what it provides. (Debian Policy §7.5) */
export function fulfils(one: DebPackage, dependency: Dependency): boolean {
  if (one.deb.name === dependency.name && satisfies(one.deb.version, dependency.relation)) return true;
  return providesFor(one, dependency);
}

/** An unversioned `Provides` fulfils only an unversioned dependency. */
export function providesFor(one: DebPackage, dependency: Dependency): boolean {
  return one.provides.some(
    ({ name, relation }) =>
      name === dependency.name &&
      (dependency.relation === undefined ||
        (relation?.operator === "=" && satisfies(relation.version, dependency.relation))),
  );
}

/** What `one` has against `other`. A package never conflicts with itself or with its own `Provides`. */
export function conflictBetween(one: DebPackage, other: DebPackage): Dependency | undefined {
  if (one.deb.name === other.deb.name) return undefined;
  return one.conflicts.find((dependency) => fulfils(other, dependency));
}
