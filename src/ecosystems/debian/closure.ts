import { CambiumError, usageError } from "../../errors.ts";
import type { LockedDeb } from "./lock.ts";
import { type Dependency, type DependencyGroup, formatDependencies } from "./name.ts";
import type { IndexedPackage } from "./package-table.ts";
import { fulfils, type Universe } from "./universe.ts";

/** A dependency with alternatives that waits until everything certain is chosen. */
type Open = { readonly group: DependencyGroup; readonly by: IndexedPackage };

/**
 * Everything that `roots` need, sorted by name: Pre-Depends and Depends, never Recommends. Dependencies with one
 * possibility come first, so that `a | b` is met by what is chosen anyway; then alternatives in the order written; of
 * several providers the more important, then the first by name. No backtracking: Debian's archive is built so that the
 * first choice works, and a conflict is an error that names both sides.
 * @param ignored names of dependencies that count as met
 * @throws CambiumError `DEBIAN_PACKAGE_UNKNOWN` (exit code 2), `DEBIAN_UNSATISFIABLE`, `DEBIAN_CONFLICT`;
 *   `where` says for which suite and architecture.
 */
export function closureOf(
  roots: readonly string[],
  universe: Universe,
  ignored: ReadonlySet<string>,
  where: string,
): LockedDeb[] {
  const chosen = new Map<string, IndexedPackage>();
  const neededBy = new Map<string, string>();
  const certain: Open[] = [];
  const open: Open[] = [];

  const choose = (one: IndexedPackage, by: string | undefined): void => {
    if (chosen.has(one.deb.name)) return;
    chosen.set(one.deb.name, one);
    if (by !== undefined) neededBy.set(one.deb.name, by);
    for (const group of one.depends) (group.length === 1 ? certain : open).push({ group, by: one });
  };
  const isMet = (dependency: Dependency): boolean =>
    ignored.has(dependency.name) || anyFulfils(chosen.values(), dependency);

  for (const root of roots) choose(rootPackage(root, universe, where), undefined);
  for (;;) {
    const next = certain.shift() ?? open.shift();
    if (next === undefined) break;
    if (next.group.some(isMet)) continue;
    const found = firstPossible(next.group, universe, chosen);
    if (found === undefined) throw unsatisfiable(next, universe, neededBy, where);
    choose(found, next.by.deb.name);
  }
  assertNoConflicts([...chosen.values()], neededBy, where);
  return [...chosen.values()]
    .map((one) => one.deb)
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function rootPackage(name: string, universe: Universe, where: string): IndexedPackage {
  const found = universe.candidate(name) ?? onlyProvider(name, universe);
  if (found !== undefined) return found;
  const providers = universe.providers({ name }).map((one) => one.deb.name);
  if (providers.length > 0) {
    throw usageError(
      "DEBIAN_PACKAGE_UNKNOWN",
      `${where}: ${name} is a virtual package`,
      `Name one that provides it: ${providers.slice(0, 6).join(", ")}.`,
    );
  }
  const nearest = universe.nearest(name);
  throw usageError(
    "DEBIAN_PACKAGE_UNKNOWN",
    `${where}: no package is called ${JSON.stringify(name)}`,
    nearest.length > 0 ? `Did you mean ${nearest.join(", ")}?` : "Look it up with: apt-cache search WORD",
  );
}

function onlyProvider(name: string, universe: Universe): IndexedPackage | undefined {
  const providers = universe.providers({ name });
  return providers.length === 1 ? providers[0] : undefined;
}

function* possibilities(group: DependencyGroup, universe: Universe): Generator<IndexedPackage> {
  for (const dependency of group) {
    const real = universe.candidate(dependency.name);
    if (real !== undefined && fulfils(real, dependency)) yield real;
    yield* universe.providers(dependency);
  }
}

/** The first possibility that agrees with what is chosen; if none does, the first, whose conflict is then reported. */
function firstPossible(
  group: DependencyGroup,
  universe: Universe,
  chosen: ReadonlyMap<string, IndexedPackage>,
): IndexedPackage | undefined {
  let first: IndexedPackage | undefined;
  for (const one of possibilities(group, universe)) {
    first ??= one;
    const isAtOdds = [...chosen.values()].some(
      (other) => conflictBetween(one, other) !== undefined || conflictBetween(other, one) !== undefined,
    );
    if (!isAtOdds) return one;
  }
  return first;
}

/** What `one` has against `other`. A package never conflicts with itself or with its own `Provides`. */
function conflictBetween(one: IndexedPackage, other: IndexedPackage): Dependency | undefined {
  if (one.deb.name === other.deb.name) return undefined;
  return one.conflicts.find((dependency) => fulfils(other, dependency));
}

function assertNoConflicts(
  packages: readonly IndexedPackage[],
  neededBy: ReadonlyMap<string, string>,
  where: string,
): void {
  for (const one of packages) {
    if (one.conflicts.length === 0) continue;
    for (const other of packages) {
      const conflict = conflictBetween(one, other);
      if (conflict === undefined) continue;
      throw new CambiumError(
        "DEBIAN_CONFLICT",
        `${where}: ${one.deb.name} ${one.deb.version}${chainOf(one.deb.name, neededBy)} conflicts with ` +
          `${other.deb.name} ${other.deb.version}${chainOf(other.deb.name, neededBy)}: ${formatDependencies([conflict])}`,
        { hint: "Ask for one of them only." },
      );
    }
  }
}

function unsatisfiable(
  { group, by }: Open,
  universe: Universe,
  neededBy: ReadonlyMap<string, string>,
  where: string,
): CambiumError {
  const available = group.map(({ name }) => {
    const version = universe.candidate(name)?.deb.version;
    return version === undefined ? `there is no ${name}` : `${name} is ${version}`;
  });
  return new CambiumError(
    "DEBIAN_UNSATISFIABLE",
    `${where}: ${by.deb.name} ${by.deb.version}${chainOf(by.deb.name, neededBy)} depends on ` +
      `${formatDependencies(group)}, but ${available.join(" and ")}`,
    { hint: "If choices were kept from an earlier lock, forget them: cambium lock --upgrade" },
  );
}

/** ` (needed by a, by b)`, from the package up to what was asked for. */
function chainOf(name: string, neededBy: ReadonlyMap<string, string>): string {
  const chain: string[] = [];
  for (let by = neededBy.get(name); by !== undefined && chain.length < 8; by = neededBy.get(by))
    chain.push(by);
  return chain.length === 0 ? "" : ` (needed by ${chain.join(", by ")})`;
}

function anyFulfils(packages: Iterable<IndexedPackage>, dependency: Dependency): boolean {
  for (const one of packages) if (fulfils(one, dependency)) return true;
  return false;
}
