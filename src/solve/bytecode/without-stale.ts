import { sourceOfBytecode } from "../../ecosystems/python/bytecode/bytecode.ts";
import type { ArrangedSegment, Arrangement } from "../../layer/arrange.ts";
import type { Segment, SegmentEntry } from "../../layer/segment.ts";
import { isBytecode, isLibraryBytecode } from "./kinds.ts";

/**
 * Leaves out bytecode whose source is not in the image: another package has that path, or the user's files do. Python
 * would run it unchecked in place of what is there. Nothing is told of it: the sources' conflict is told already.
 * The standard library's was made of what Debian's packages or the base have; whatever else states a path replaces that.
 */
export function withoutStaleBytecode(arrangement: Arrangement): Arrangement {
  const { tiers, conflicts } = arrangement;
  const all = tiers.flatMap(({ segments }) => segments);
  const names = new Set(all.filter(({ segment }) => isBytecode(segment)).map(({ segment }) => segment.name));
  if (names.size === 0) return arrangement;
  const sources = new Map<string, SegmentEntry>();
  const wheels = new Map<string, ArrangedSegment>();
  const foreign = new Set<string>();
  for (const arranged of all) {
    const { segment, renamed, omitted } = arranged;
    if (isBytecode(segment)) continue;
    if (segment.recipe.ecosystem === "python") wheels.set(segment.recipe.source, arranged);
    for (const entry of segment.entries) {
      // What a package keeps after others took its place is the last to stand at a path, tier by tier.
      if (!entry.path.endsWith(".py") || omitted.has(entry.path)) continue;
      const path = renamed.get(entry.path) ?? entry.path;
      sources.set(path, entry);
      if (segment.recipe.ecosystem !== "debian") foreign.add(path);
    }
  }
  const kept = tiers.map((tier) => ({
    ...tier,
    segments: tier.segments.map((arranged) => {
      if (!isBytecode(arranged.segment)) return arranged;
      const { segment } = arranged;
      const stale = isLibraryBytecode(segment)
        ? replaced(segment, foreign)
        : staleFiles(segment, wheels.get(segment.recipe.source), sources);
      return stale.length === 0
        ? arranged
        : { ...arranged, omitted: new Set([...arranged.omitted, ...stale]) };
    }),
  }));
  return { tiers: kept, conflicts: conflicts.filter(({ winner }) => !names.has(winner)) };
}

function staleFiles(
  bytecode: Segment,
  wheel: ArrangedSegment | undefined,
  sources: ReadonlyMap<string, SegmentEntry>,
): string[] {
  const own = new Map(wheel?.segment.entries.map((entry) => [entry.path, entry]));
  return bytecode.entries.flatMap(({ path }) => {
    const source = sourceOfBytecode(path);
    const mine = own.get(source ?? "");
    const there = sources.get(wheel?.renamed.get(source ?? "") ?? source ?? "");
    const isSame = mine?.type === "file" && there?.type === "file" && mine.digest === there.digest;
    return isSame ? [] : [path];
  });
}

function replaced(bytecode: Segment, foreign: ReadonlySet<string>): string[] {
  return bytecode.entries.map(({ path }) => path).filter((path) => foreign.has(sourceOfBytecode(path) ?? ""));
}
