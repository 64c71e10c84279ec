import { freeMemory } from "../../layer/chunks.ts";
import { closureOf } from "./closure.ts";
import { type DebianTools, fetchTables } from "./indices.ts";
import { type InstalledDeb, presentPackage } from "./installed.ts";
import {
  type Architecture,
  answersRequest,
  type DebianLock,
  type DebianRequest,
  type LockedDeb,
  type Variant,
} from "./lock.ts";
import type { Mirrors } from "./mirror.ts";
import { parsePackageName } from "./name.ts";
import { mergedInstead, packagesForApt, scriptOnlyDependencies, seedPackages } from "./seed.ts";
import { openUniverse, type Universe } from "./universe.ts";

export type ResolveDebianRequest = DebianRequest & {
  readonly mirrors: Mirrors;
  /** Judges the index's dates; the only clock in here. */
  readonly now: Date;
  /** Earlier choices. They stay as long as they answer the request, or an index still has them. */
  readonly previous?: DebianLock | undefined;
  /**
   * What a base has installed, per architecture: the lock then has what is missing there or must be newer, and no seed.
   * The earlier lock is a preference only, since it may be of another base.
   */
  readonly present?: ReadonlyMap<Architecture, readonly InstalledDeb[]>;
  /** Forget the earlier choices: all, or those of these names. */
  readonly upgrade: boolean | readonly string[];
};

/**
 * The lock that answers a request: the seed and `packages` with all that they depend on, per architecture. A previous
 * lock that answers the very same request is given back without asking any server.
 * @throws CambiumError as `fetchTables` and `closureOf` do; `DEBIAN_NAME_SYNTAX`.
 */
export async function resolveDebian(request: ResolveDebianRequest, tools: DebianTools): Promise<DebianLock> {
  const { suite, variant, architectures, previous, upgrade } = request;
  const packages = [...new Set(request.packages)].map((name) => parsePackageName(name, "apt package")).sort();
  const isForgetting = upgrade === true || (Array.isArray(upgrade) && upgrade.length > 0);
  const isKnown = previous !== undefined && request.present === undefined;
  if (isKnown && !isForgetting && answersRequest(previous, request)) return previous;

  const tables = await fetchTables(suite, architectures, request.mirrors, request.now, tools);
  const targets: Record<string, readonly LockedDeb[]> = {};
  for (const architecture of [...architectures].sort()) {
    const kept = keptChoices(request, previous?.targets[architecture] ?? []);
    const universe = openUniverse(tables.get(architecture) ?? [], kept);
    const where = `debian ${suite} ${architecture}`;
    const present = request.present?.get(architecture)?.map(presentPackage);
    targets[architecture] =
      present === undefined
        ? computedBase([...seedPackages(variant), ...packages], universe, variant, where)
        : closureOf(packages, universe, new Set(), where, present);
  }
  for (const { bytes } of [...tables.values()].flat()) freeMemory(bytes.buffer);
  return { suite, variant, packages, targets };
}

/** Where apt is among the packages, they are those that a system with apt has. */
function computedBase(
  roots: readonly string[],
  universe: Universe,
  variant: Variant,
  where: string,
): LockedDeb[] {
  const debs = closureOf(roots, universe, scriptOnlyDependencies(variant), where);
  const essential = packagesForApt(debs, universe);
  if (essential.length === 0) return debs;
  const all = closureOf([...essential, ...roots], universe, new Set(), where);
  const merged = mergedInstead(all, universe);
  return merged.length === 0
    ? all
    : closureOf([...merged, ...essential, ...roots], universe, new Set(), where);
}

function keptChoices(
  { previous, suite, upgrade }: ResolveDebianRequest,
  debs: readonly LockedDeb[],
): Map<string, LockedDeb> {
  if (previous?.suite !== suite || upgrade === true) return new Map();
  const forgotten = new Set(upgrade === false ? [] : upgrade);
  return new Map(debs.filter((deb) => !forgotten.has(deb.name)).map((deb) => [deb.name, deb]));
}
