import { layoutDifferences } from "./compare-files.ts";
import { type Difference, type DifferenceField, shortened } from "./difference.ts";
import type { KeyPackage, PackagesDocument } from "./documents.ts";
import { leafDifferences, shownValue } from "./leaf-differences.ts";
import type { Lens } from "./lens.ts";

/** Where two files of the project's own, by their place, differ. */
export type FilesDifference = (before: string | undefined, now: string | undefined) => readonly Difference[];

/** What differs between packages of two images, in order of importance. */
export function comparePackages(
  before: PackagesDocument,
  now: PackagesDocument,
  lens: Lens,
  files: FilesDifference,
): Difference[] {
  const one = (field: DifferenceField, a: unknown, b: unknown): Difference[] => {
    if (a === b) return [];
    const change = a === undefined ? "added" : b === undefined ? "removed" : "changed";
    return [{ field, change, ...shortened(shownValue(a), shownValue(b)) }];
  };
  const count = Math.max(before.files.length, now.files.length);
  const places = Array.from({ length: count }, (_, at) => at);
  return [
    ...one("platform", before.platform, now.platform),
    ...one("base", before.base, now.base),
    ...(before.base === now.base ? one("base", before.baseDigest, now.baseDigest) : []),
    ...one("python", before.python, now.python),
    ...packageDifferences(before.packages, now.packages),
    ...one("bytecode", before.bytecode, now.bytecode),
    ...places.flatMap((at) => files(before.files[at], now.files[at])),
    ...settingDifferences(before.settings, now.settings, lens),
    ...one("SOURCE_DATE_EPOCH", before.created, now.created),
    ...layoutDifferences(before.layoutVersions, now.layoutVersions),
  ];
}

function settingDifferences(before: unknown, now: unknown, lens: Lens): Difference[] {
  return leafDifferences(before, now, lens).map(({ path, before: a, now: b }) => ({
    ...({ field: "setting", name: path.join(".") } as const),
    change: b === undefined ? "removed" : a === undefined ? "added" : "changed",
    ...shortened(shownValue(a, lens), shownValue(b)),
  }));
}

function packageDifferences(before: readonly KeyPackage[], now: readonly KeyPackage[]): Difference[] {
  const byName = (packages: readonly KeyPackage[]) =>
    Map.groupBy(packages, ({ ecosystem, name }) => `${ecosystem} ${name}`);
  const [old, ours] = [byName(before), byName(now)];
  const versions = (packages: readonly KeyPackage[] = []) =>
    packages.map(({ version }) => version).join(", ");
  const archives = (packages: readonly KeyPackage[] = []) => packages.map(({ archive }) => archive).join(" ");
  const found = [...ours].flatMap(([key, packages]): Difference[] => {
    const named = { field: "package", name: packages[0]!.name } as const;
    const earlier = old.get(key);
    if (earlier === undefined) return [{ ...named, change: "added", now: versions(packages) }];
    if (versions(earlier) !== versions(packages)) {
      return [{ ...named, change: "changed", before: versions(earlier), now: versions(packages) }];
    }
    if (archives(earlier) === archives(packages)) return [];
    return [{ ...named, change: "changed", aspect: "content", now: versions(packages) }];
  });
  const gone = [...old].filter(([key]) => !ours.has(key));
  const removed = gone.map(
    ([, packages]): Difference => ({
      ...{ field: "package", name: packages[0]!.name, change: "removed", before: versions(packages) },
    }),
  );
  // What was asked for is seen before what came along with it: a version that changed, then others.
  return [...found, ...removed];
}
