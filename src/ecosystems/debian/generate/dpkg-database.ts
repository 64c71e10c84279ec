import type { SourceEntry } from "../../../layer/files.ts";
import type { Architecture, LockedDeb, Suite } from "../lock.ts";
import type { KeptPart } from "../paths.ts";
import type { ShippedDeb } from "../shipped.ts";
import type { Tree } from "../tree.ts";
import { alternativesDatabase } from "./alternatives.ts";
import { diversions } from "./diversions.ts";
import { type DpkgRecord, dpkgRecord } from "./dpkg-info.ts";
import { directory, file } from "./entries.ts";

const ADMIN = "var/lib/dpkg";

export type DpkgInput = {
  readonly debs: readonly { readonly deb: LockedDeb }[];
  /** By name. Of all packages, where dpkg is among them. */
  readonly shipped: ReadonlyMap<string, ShippedDeb>;
  readonly suite: Suite;
  readonly architecture: Architecture;
  readonly keep: readonly KeptPart[];
};

/** Whether the packages' database is dpkg's own, and not `status.d` alone. */
export function hasDpkg(debs: readonly LockedDeb[]): boolean {
  return debs.some(({ name }) => name === "dpkg");
}

/**
 * dpkg's database of an image in which dpkg may run: as if it had installed every package, in no order that matters.
 * Nothing where dpkg is not among the packages.
 * @throws CambiumError `DEBIAN_CONTROL_SYNTAX`
 */
export function dpkgDatabase(tree: Tree, input: DpkgInput): SourceEntry[] {
  const debs = input.debs.map(({ deb }) => deb);
  if (!hasDpkg(debs)) return [];
  const keep = new Set(input.keep);
  const records = debs.toSorted(byName).map((deb) => {
    const shipped = input.shipped.get(deb.name);
    if (shipped === undefined) throw new TypeError(`nothing is known of what ${deb.name} ships`);
    return dpkgRecord(shipped, tree, input.architecture, keep, `${deb.name} ${deb.version}`);
  });
  return [
    file(`${ADMIN}/status`, records.map(({ paragraph }) => `${paragraph}\n`).join("")),
    file(`${ADMIN}/available`, ""),
    file(`${ADMIN}/info/format`, "1\n"),
    file(`${ADMIN}/diversions`, diversions(tree, records, input.suite, input.architecture)),
    // Since dpkg 1.22.
    ...(input.suite === "bookworm" ? [] : [file(`${ADMIN}/arch-native`, `${input.architecture}\n`)]),
    ...records.flatMap(({ info }) => info),
    ...triggers(records),
    ...alternativesDatabase(tree).map(([name, text]) => file(`${ADMIN}/alternatives/${name}`, text)),
  ];
}

/** `File` has those for paths, and each named trigger a file. `Lock` is locked and never read. */
function triggers(records: readonly DpkgRecord[]): SourceEntry[] {
  const paths: string[] = [];
  const named = new Map<string, string[]>();
  for (const { infoName, interests } of records) {
    for (const { trigger, isAwaited } of interests) {
      const who = `${infoName}${isAwaited ? "" : "/noawait"}\n`;
      if (trigger.startsWith("/")) paths.push(`${trigger} ${who}`);
      else named.set(trigger, [...(named.get(trigger) ?? []), who]);
    }
  }
  return [
    directory(`${ADMIN}/triggers`),
    file(`${ADMIN}/triggers/File`, paths.join("")),
    file(`${ADMIN}/triggers/Lock`, "", { mode: 0o600 }),
    file(`${ADMIN}/triggers/Unincorp`, ""),
    ...[...named].map(([name, lines]) => file(`${ADMIN}/triggers/${name}`, lines.join(""))),
  ];
}

function byName(a: LockedDeb, b: LockedDeb): number {
  return a.name < b.name ? -1 : 1;
}
