import { conflictError, packageUnknown, unsatisfiable } from "./closure-errors.ts";
import type { LockedDeb } from "./lock.ts";
import type { Dependency, DependencyGroup } from "./name.ts";
import { conflictBetween, type DebPackage, fulfils } from "./package.ts";
import type { IndexedPackage } from "./package-table.ts";
import type { Universe } from "./universe.ts";
import { compareVersions } from "./version.ts";

/** A dependency with alternatives that waits until everything certain is chosen. */
type Open = { readonly group: DependencyGroup; readonly by: DebPackage };

/**
 * Everything that `roots` need beyond what is present, sorted by name: Pre-Depends and Depends, never Recommends.
 * Dependencies with one possibility come first, so that `a | b` is met by what is chosen anyway; then alternatives in the
 * order written; of several providers the more important, then the first by name. No backtracking: Debian's archive is
 * built so that the first choice works, and a conflict is an error that names both sides.
 *
 * A package that is present stays as it is, unless a dependency or conflict of what is chosen demands another version,
 * and then it is upgraded with the packages that depend on the very version it had; nothing is downgraded or removed.
 * @param ignored names of dependencies that count as met
 * @param present what the base has installed
 * @throws CambiumError `DEBIAN_PACKAGE_UNKNOWN` (exit code 2), `DEBIAN_UNSATISFIABLE`, `DEBIAN_CONFLICT`;
 *   `where` says for which suite and architecture.
 */
export function closureOf(
  roots: readonly string[],
  universe: Universe,
  ignored: ReadonlySet<string>,
  where: string,
  present: readonly DebPackage[] = [],
): LockedDeb[] {
  const closure = new Closure(universe, ignored, where, present);
  for (const root of roots) closure.ask(root);
  return closure
    .settled()
    .map((one) => one.deb)
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

class Closure {
  readonly #universe: Universe;
  readonly #ignored: ReadonlySet<string>;
  readonly #where: string;
  readonly #present: ReadonlyMap<string, DebPackage>;
  /** Of the present packages those that no chosen one replaces. */
  readonly #standing: Map<string, DebPackage>;
  readonly #chosen = new Map<string, IndexedPackage>();
  readonly #neededBy = new Map<string, string>();
  readonly #certain: Open[] = [];
  readonly #open: Open[] = [];

  constructor(
    universe: Universe,
    ignored: ReadonlySet<string>,
    where: string,
    present: readonly DebPackage[],
  ) {
    this.#universe = universe;
    this.#ignored = ignored;
    this.#where = where;
    this.#present = new Map(present.map((one) => [one.deb.name, one]));
    this.#standing = new Map(this.#present);
  }

  ask(name: string): void {
    if (this.#present.has(name)) return;
    const found = this.#universe.candidate(name) ?? this.#onlyProvider(name);
    if (found === undefined) throw packageUnknown(name, this.#universe, this.#where);
    this.#choose(found, undefined);
  }

  settled(): IndexedPackage[] {
    do this.#meetDependencies();
    while (this.#upgradeBroken());
    this.#assertNoConflicts();
    return [...this.#chosen.values()];
  }

  #onlyProvider(name: string): IndexedPackage | undefined {
    const providers = this.#universe.providers({ name });
    return providers.length === 1 ? providers[0] : undefined;
  }

  #choose(one: IndexedPackage, by: string | undefined): void {
    const { name } = one.deb;
    if (this.#chosen.has(name)) return;
    this.#chosen.set(name, one);
    this.#standing.delete(name);
    if (by !== undefined) this.#neededBy.set(name, by);
    for (const group of one.depends)
      (group.length === 1 ? this.#certain : this.#open).push({ group, by: one });
  }

  #meetDependencies(): void {
    for (;;) {
      const next = this.#certain.shift() ?? this.#open.shift();
      if (next === undefined) return;
      if (next.group.some((dependency) => this.#isMet(dependency))) continue;
      const found = this.#firstPossible(next.group);
      if (found === undefined) throw this.#unsatisfiable(next);
      this.#choose(found, next.by.deb.name);
    }
  }

  #isMet(dependency: Dependency): boolean {
    if (this.#ignored.has(dependency.name)) return true;
    return [this.#chosen, this.#standing].some((packages) => {
      for (const one of packages.values()) if (fulfils(one, dependency)) return true;
      return false;
    });
  }

  /** The first possibility that agrees with what is chosen; if none does, the first, whose conflict is then reported. */
  #firstPossible(group: DependencyGroup): IndexedPackage | undefined {
    let first: IndexedPackage | undefined;
    for (const one of this.#possibilities(group)) {
      first ??= one;
      const others = [...this.#chosen.values(), ...this.#standing.values()];
      const isAtOdds = others.some(
        (other) => conflictBetween(one, other) !== undefined || conflictBetween(other, one) !== undefined,
      );
      if (!isAtOdds) return one;
    }
    return first;
  }

  *#possibilities(group: DependencyGroup): Generator<IndexedPackage> {
    for (const dependency of group) {
      const real = this.#universe.candidate(dependency.name);
      if (real !== undefined && fulfils(real, dependency) && this.#isUpgrade(real)) yield real;
      for (const one of this.#universe.providers(dependency)) if (this.#isUpgrade(one)) yield one;
    }
  }

  /** Whether a package is new to the base, or newer than the base's. */
  #isUpgrade({ deb }: IndexedPackage): boolean {
    const before = this.#present.get(deb.name);
    return before === undefined || compareVersions(deb.version, before.deb.version) > 0;
  }

  /** Upgrades one present package that what is chosen breaks; false when there is none. */
  #upgradeBroken(): boolean {
    const replaced = [...this.#present.values()].filter((one) => this.#chosen.has(one.deb.name));
    for (const one of this.#standing.values()) {
      const candidate = this.#universe.candidate(one.deb.name);
      const upgrade = candidate !== undefined && this.#isUpgrade(candidate) ? candidate : undefined;
      const loss = one.depends
        .filter((group) => replaced.some((before) => group.some((dependency) => fulfils(before, dependency))))
        .find((group) => !group.some((dependency) => this.#isMet(dependency)));
      if (loss !== undefined && upgrade === undefined) throw this.#unsatisfiable({ group: loss, by: one });
      const rival = loss ? undefined : this.#rivalOf(one);
      if (upgrade === undefined || (loss === undefined && rival === undefined)) continue;
      this.#choose(upgrade, rival?.deb.name);
      return true;
    }
    return false;
  }

  /** The chosen package that conflicts with a present one, in either direction. */
  #rivalOf(one: DebPackage): DebPackage | undefined {
    for (const other of this.#chosen.values()) {
      if (conflictBetween(one, other) !== undefined || conflictBetween(other, one) !== undefined)
        return other;
    }
    return undefined;
  }

  /** What stands at odds in the base itself is the base's own affair. */
  #assertNoConflicts(): void {
    const chosen = [...this.#chosen.values()];
    const standing = [...this.#standing.values()];
    const check = (ones: readonly DebPackage[], others: readonly DebPackage[]) => {
      for (const one of ones) {
        for (const other of one.conflicts.length === 0 ? [] : others) {
          const conflict = conflictBetween(one, other);
          if (conflict !== undefined) throw conflictError(one, other, conflict, this.#neededBy, this.#where);
        }
      }
    };
    check(chosen, [...chosen, ...standing]);
    check(standing, chosen);
  }

  #unsatisfiable({ by, group }: Open): Error {
    const versionOf = (name: string) => {
      const candidate = this.#universe.candidate(name);
      const upgrade = candidate !== undefined && this.#isUpgrade(candidate) ? candidate : undefined;
      return (this.#chosen.get(name) ?? upgrade ?? this.#standing.get(name))?.deb.version;
    };
    return unsatisfiable(by, group, versionOf, this.#neededBy, this.#where);
  }
}
