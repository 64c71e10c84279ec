import type { SourceEntry } from "../../../layer/files.ts";
import type { Architecture, LockedDeb, Suite } from "../lock.ts";
import type { KeptPart } from "../paths.ts";
import type { ShippedDeb } from "../shipped.ts";
import type { Tree } from "../tree.ts";
import { alternativesDatabase } from "./alternatives.ts";
import { type DpkgRecord, dpkgRecord } from "./dpkg-info.ts";
import { directory, file } from "./entries.ts";

const ADMIN = "var/lib/dpkg";

/** Paths of what images leave out, as dpkg's options (dpkg(1), --path-exclude), so that later packages come without too. */
const EXCLUDED: Readonly<Record<KeptPart, readonly string[]>> = {
  man: ["path-exclude=/usr/share/man/*"],
  info: ["path-exclude=/usr/share/info/*"],
  locale: ["path-exclude=/usr/share/locale/*", "path-include=/usr/share/locale/locale.alias"],
  doc: ["path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright"],
};
const PARTS = ["man", "info", "locale", "doc"] as const;

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
    file(`${ADMIN}/diversions`, diversions(tree, input.suite)),
    file(`${ADMIN}/statoverride`, ""),
    ...records.flatMap(({ info }) => info),
    ...triggers(records),
    ...alternativesDatabase(tree).map(([name, text]) => file(`${ADMIN}/alternatives/${name}`, text)),
    ...exclusions(keep),
    ...aptFolders(tree),
  ];
}

/** bookworm's dash diverts the shell from a time when bash had it; its manual page where there are any. */
function diversions(tree: Tree, suite: Suite): string {
  if (suite !== "bookworm" || tree.resolve("usr/bin/dash") === undefined) return "";
  const page = "/usr/share/man/man1/sh";
  const hasPages = tree.resolve("usr/share/man/man1") !== undefined;
  const paths = [
    ...(hasPages ? [[`${page}.1.gz`, `${page}.distrib.1.gz`]] : []),
    ["/bin/sh", "/bin/sh.distrib"],
  ];
  return paths.map(([from, to]) => `${from}\n${to}\ndash\n`).join("");
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

function exclusions(keep: ReadonlySet<KeptPart>): SourceEntry[] {
  const lines = PARTS.filter((part) => !keep.has(part)).flatMap((part) => EXCLUDED[part]);
  if (lines.length === 0) return [];
  const text = `# Parts of packages that this image is without.\n${lines.map((line) => `${line}\n`).join("")}`;
  return [file("etc/dpkg/dpkg.cfg.d/left-out", text)];
}

/** Downloads go to folders of the account that apt gives up its rights for. */
function aptFolders(tree: Tree): SourceEntry[] {
  if (tree.resolve("usr/bin/apt-get") === undefined) return [];
  const master = Buffer.from(tree.read("usr/share/base-passwd/passwd.master") ?? []).toString("utf8");
  const uid = Number(/^_apt:[^:]*:(\d+):/m.exec(master)?.[1] ?? 0);
  return ["var/lib/apt/lists/partial", "var/cache/apt/archives/partial"].map((path) =>
    directory(path, { mode: 0o700, uid }),
  );
}

function byName(a: LockedDeb, b: LockedDeb): number {
  return a.name < b.name ? -1 : 1;
}
