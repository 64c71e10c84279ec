import { distance } from "fastest-levenshtein";
import type { LockedDeb } from "./lock.ts";
import type { Dependency } from "./name.ts";
import { providesFor } from "./package.ts";
import {
  essentialIn,
  type IndexedPackage,
  namesIn,
  type PackageTable,
  packagesNamed,
  providersOf,
} from "./package-table.ts";
import { compareVersions } from "./version.ts";

/** All packages of one target over the tables of a suite, each name with the one version that would be installed. */
export type Universe = {
  /** The version to install of a name; the newest, or the preferred one while an index still has it. */
  candidate(name: string): IndexedPackage | undefined;
  /** Packages whose `Provides` fulfils a dependency, the more important first, then by name. */
  providers(dependency: Dependency): IndexedPackage[];
  /** Names of the packages that every system has, sorted. */
  essential(): string[];
  /** Up to three known names, nearest first. */
  nearest(name: string): string[];
};

const PRIORITIES = ["required", "important", "standard", "optional", "extra"];

/** `preferred` holds earlier choices by name, which stay as long as an index has that very version. */
export function openUniverse(
  tables: readonly PackageTable[],
  preferred: ReadonlyMap<string, LockedDeb>,
): Universe {
  const candidates = new Map<string, IndexedPackage | undefined>();
  const candidate = (name: string): IndexedPackage | undefined => {
    if (!candidates.has(name)) {
      const known = tables.flatMap((table) => packagesNamed(table, name));
      const kept = known.find((one) => one.deb.sha256 === preferred.get(name)?.sha256);
      candidates.set(name, kept ?? newestOf(known));
    }
    return candidates.get(name);
  };
  return {
    candidate,
    providers(dependency) {
      const names = new Set(tables.flatMap((table) => [...providersOf(table, dependency.name)]));
      return [...names]
        .sort()
        .map(candidate)
        .filter((one) => one !== undefined && providesFor(one, dependency))
        .filter((one) => one !== undefined)
        .sort((a, b) => rankOf(a) - rankOf(b));
    },
    essential: () => [...new Set(tables.flatMap((table) => [...essentialIn(table)]))].sort(),
    nearest(name) {
      const scored: { name: string; score: number }[] = [];
      const limit = Math.max(2, Math.floor(name.length / 3));
      for (const known of new Set(tables.flatMap((table) => [...namesIn(table)]))) {
        if (Math.abs(known.length - name.length) > limit) continue;
        const score = distance(known, name);
        if (score <= limit) scored.push({ name: known, score });
      }
      scored.sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1));
      return scored.slice(0, 3).map((one) => one.name);
    },
  };
}

/** The first table wins among equals: the suite before its updates and security. */
function newestOf(packages: readonly IndexedPackage[]): IndexedPackage | undefined {
  let newest: IndexedPackage | undefined;
  for (const one of packages) {
    if (newest === undefined || compareVersions(one.deb.version, newest.deb.version) > 0) newest = one;
  }
  return newest;
}

function rankOf(one: IndexedPackage | undefined): number {
  const rank = PRIORITIES.indexOf(one?.priority ?? "");
  return rank < 0 ? PRIORITIES.length : rank;
}
