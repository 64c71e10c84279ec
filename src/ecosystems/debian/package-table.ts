import { CambiumError } from "../../errors.ts";
import { parseDigest } from "../../layer/digest.ts";
import type { Archive, LockedDeb } from "./lock.ts";
import { parseDependencies } from "./name.ts";
import type { DebPackage } from "./package.ts";

/** A binary package of an index with what resolving needs. */
export type IndexedPackage = DebPackage & {
  readonly deb: LockedDeb;
  /** `required` … `extra`; decides which of several providers is taken. */
  readonly priority: string;
};

/**
 * One `Packages` index, cut down to a line per package; a line is parsed when its package is asked for. Of some 64,000
 * packages a resolution looks at a few hundred. The lines stay bytes: as strings in maps by name they held 220 MB.
 */
export type PackageTable = {
  readonly archive: Archive;
  /** What `condenseIndex` made. */
  readonly bytes: Buffer;
  /** Where the lines begin, sorted by their names; lines of one name in the order of the index. */
  readonly starts: Uint32Array;
};

/** Changes when `condenseIndex` writes something else. */
export const TABLE_VERSION = 3;

const FIELDS = [
  "Package",
  "Version",
  "Architecture",
  "Priority",
  "Filename",
  "Size",
  "SHA256",
  "Pre-Depends",
  "Depends",
  "Provides",
  "Conflicts",
  "Breaks",
  // The last, for `essentialIn`.
  "Essential",
] as const;
const COLUMN: ReadonlyMap<string, number> = new Map(FIELDS.map((name, index) => [name, index]));
const PROVIDES = FIELDS.indexOf("Provides");

/** Bytes that become text at once. What lives longer than one collection makes V8's young generation grow for good. */
const CHUNK = 1 << 20;
const TAB = 0x09;
const NEWLINE = 0x0a;

/**
 * Cuts a `Packages` file down to tab-separated lines of `FIELDS`: 50 MB to 17 MB in about 0.2 s. The file is taken as
 * latin1, which keeps offsets cheap: the fields above are ASCII by policy.
 */
export function condenseIndex(content: Uint8Array): Buffer {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  // As large as the file, so nearly always enough; memory counts only where it is written to.
  let condensed = Buffer.allocUnsafeSlow(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; ) {
    // Stanzas end at an empty line (deb822), so a chunk is cut behind one.
    const blank = bytes.indexOf("\n\n", Math.min(at + CHUNK, bytes.length));
    const end = blank < 0 ? bytes.length : blank + 2;
    const lines = condenseText(bytes.toString("latin1", at, end));
    if (length + lines.length > condensed.length) {
      condensed = Buffer.concat([condensed.subarray(0, length)], 2 * (length + lines.length));
    }
    length += condensed.write(lines, length, "latin1");
    at = end;
  }
  return condensed.subarray(0, length);
}

function condenseText(text: string): string {
  let lines = "";
  let values: string[] = new Array(FIELDS.length).fill("");
  let column = -1;
  let isEmpty = true;
  const finish = (): void => {
    if (!isEmpty) lines += `${values.join("\t")}\n`;
    values = new Array(FIELDS.length).fill("");
    isEmpty = true;
  };
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf("\n", at);
    const end = newline < 0 ? text.length : newline;
    if (end === at) {
      finish();
      column = -1;
    } else if (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09) {
      if (column >= 0) values[column] += ` ${text.slice(at, end).trim()}`;
    } else {
      const colon = text.indexOf(":", at);
      column = colon < 0 || colon > end ? -1 : (COLUMN.get(text.slice(at, colon)) ?? -1);
      if (column >= 0) {
        values[column] = text
          .slice(colon + 1, end)
          .replaceAll("\t", " ")
          .trim();
        isEmpty = false;
      }
    }
    at = end + 1;
  }
  finish();
  return lines;
}

/** Makes a condensed index searchable; nothing is parsed. */
export function openTable(archive: Archive, bytes: Buffer): PackageTable {
  const starts: number[] = [];
  for (let at = 0; at < bytes.length; at = endOfLine(bytes, at) + 1) starts.push(at);
  // Debian's indices are sorted already, but nothing promises it.
  starts.sort((a, b) => compareNames(bytes, a, bytes, b) || a - b);
  return { archive, bytes, starts: Uint32Array.from(starts) };
}

/** All versions of a name that the index has. @throws CambiumError `DEBIAN_INDEX_SYNTAX`. */
export function packagesNamed(table: PackageTable, name: string): IndexedPackage[] {
  const { bytes, starts } = table;
  const wanted = Buffer.from(`${name}\t`, "latin1");
  let low = 0;
  for (let high = starts.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (compareNames(bytes, starts[middle]!, wanted, 0) < 0) low = middle + 1;
    else high = middle;
  }
  const found: IndexedPackage[] = [];
  for (; low < starts.length && compareNames(bytes, starts[low]!, wanted, 0) === 0; low++)
    found.push(parseLine(table, starts[low]!));
  return found;
}

/** Names of all packages, sorted, once each. */
export function namesIn({ bytes, starts }: PackageTable): Set<string> {
  return new Set(Array.from(starts, (at) => bytes.toString("latin1", at, bytes.indexOf(TAB, at))));
}

/**
 * Names of the packages that provide a name. Looks through the whole index (10 ms), which a resolution does for a
 * dozen virtual packages; a map of all that is provided would cost more than that to make.
 */
export function providersOf(table: PackageTable, name: string): Set<string> {
  const { bytes } = table;
  const providers = new Set<string>();
  for (let hit = bytes.indexOf(name, 0, "latin1"); hit >= 0; ) {
    const start = bytes.lastIndexOf(NEWLINE, hit) + 1;
    const end = endOfLine(bytes, hit);
    const values = bytes.toString("latin1", start, end).split("\t");
    if (providedNames(values[PROVIDES] ?? "").includes(name)) providers.add(values[0] ?? "");
    hit = bytes.indexOf(name, end, "latin1");
  }
  return providers;
}

/** Names of the packages that every system has, so that no package says that it needs them. (Debian Policy §3.8) */
export function essentialIn({ bytes }: PackageTable): Set<string> {
  const names = new Set<string>();
  for (let hit = bytes.indexOf("\tyes\n"); hit >= 0; hit = bytes.indexOf("\tyes\n", hit + 1)) {
    const start = bytes.lastIndexOf(NEWLINE, hit) + 1;
    names.add(bytes.toString("latin1", start, bytes.indexOf(TAB, start)));
  }
  return names;
}

/** By bytes, as far as the tab behind each. */
function compareNames(a: Buffer, aStart: number, b: Buffer, bStart: number): number {
  for (let i = 0; ; i++) {
    const one = a[aStart + i]!;
    const other = b[bStart + i]!;
    if (one !== other) return one === TAB ? -1 : other === TAB ? 1 : one - other;
    if (one === TAB) return 0;
  }
}

function endOfLine(bytes: Buffer, at: number): number {
  const newline = bytes.indexOf(NEWLINE, at);
  return newline < 0 ? bytes.length : newline;
}

function parseLine(table: PackageTable, at: number): IndexedPackage {
  const line = table.bytes.toString("latin1", at, endOfLine(table.bytes, at));
  const values = line.split("\t");
  const field = (name: (typeof FIELDS)[number]): string => values[COLUMN.get(name) ?? -1] ?? "";
  const name = field("Package");
  const where = `index of ${table.archive}: ${name}`;
  const path = field("Filename");
  // The path becomes part of a URL below the mirror's root and nothing else.
  if (!/^pool\/[A-Za-z0-9+.~_/-]+\.deb$/.test(path) || path.split("/").includes("..")) {
    throw new CambiumError(
      "DEBIAN_INDEX_SYNTAX",
      `${where}: not a path below pool/: ${JSON.stringify(path)}`,
    );
  }
  const size = field("Size");
  if (!/^\d{1,12}$/.test(size)) {
    throw new CambiumError("DEBIAN_INDEX_SYNTAX", `${where}: not a size: ${JSON.stringify(size)}`);
  }
  const deb: LockedDeb = {
    name,
    version: field("Version"),
    architecture: field("Architecture"),
    sha256: parseDigest(`sha256:${field("SHA256")}`, where),
    sizeBytes: Number(size),
    path,
    archive: table.archive,
  };
  return {
    deb,
    priority: field("Priority"),
    depends: [
      ...parseDependencies(field("Pre-Depends"), `${where}: Pre-Depends`),
      ...parseDependencies(field("Depends"), `${where}: Depends`),
    ],
    provides: parseDependencies(field("Provides"), `${where}: Provides`).flat(),
    conflicts: [
      ...parseDependencies(field("Conflicts"), `${where}: Conflicts`),
      ...parseDependencies(field("Breaks"), `${where}: Breaks`),
    ].flat(),
  };
}

/** The names of a Provides field without their versions. */
function providedNames(field: string): string[] {
  return field.split(",").flatMap((part) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(part)?.[1] ?? []);
}
