import { CambiumError } from "../../../errors.ts";
import { comparePaths } from "../../../layer/entry.ts";
import type { Archive, ArchiveMember } from "../archive.ts";
import type { DirectUrl } from "../lock.ts";
import type { WheelFilename } from "../standards/wheel-filename.ts";
import { readMember, startsWith } from "../zip/member-content.ts";
import { directUrlJson } from "./direct-url.ts";
import {
  consoleScripts,
  type EntryPoints,
  guiScripts,
  isWrapperOf,
  parseEntryPoints,
} from "./entry-points.ts";
import { formatRecord, installedRows, parseRecord, type RecordRow, recordRow } from "./record.ts";
import { type InstallationScheme, relativeFrom, SCHEME_KEYS, type SchemeKey } from "./scheme.ts";
import { scriptText, withInterpreter } from "./scripts.ts";
import { assertMetadata, assertWheelVersion, findWheelInfo, type WheelInfo } from "./wheel-info.ts";

/** A file as the installation leaves it: a member as it is, or bytes made here. `path` is relative to the root. */
export type InstalledFile = {
  readonly path: string;
  readonly mode: 0o644 | 0o755;
  readonly content:
    | { readonly kind: "member"; readonly member: ArchiveMember }
    | { readonly kind: "bytes"; readonly bytes: Uint8Array };
};

/** METADATA holds a whole README; the largest in our corpus has 240 KB. RECORD has some 100 bytes per member. */
const MAX_METADATA_BYTES = 64 << 20;

/** `#!python` scripts are rewritten in memory; the largest in our corpus has 2 KB. */
const MAX_SCRIPT_BYTES = 64 << 20;

/**
 * The files that `pip 26.3 install --no-compile --no-deps` leaves of this wheel in a venv, sorted by path; INSTALLER
 * says `cambium`. Of members that end at one path the last in pip's order stays: root, `.data`, scripts, generated.
 * @throws CambiumError `WHEEL_DIST_INFO`, `WHEEL_METADATA`, `WHEEL_RECORD`, `WHEEL_ENTRY_POINT`, `WHEEL_DATA_SCHEME`,
 * `WHEEL_CONFLICT`, and what reading a member throws.
 */
export async function installedFiles(
  archive: Archive,
  wheel: WheelFilename,
  scheme: InstallationScheme,
  directUrl: DirectUrl | undefined,
): Promise<InstalledFile[]> {
  const { where } = archive;
  const info = findWheelInfo(archive, wheel);
  assertWheelVersion(await metadataText(archive, info, "WHEEL"), where);
  assertMetadata(await metadataText(archive, info, "METADATA"), wheel, where);
  const wheelRows = parseRecord(await metadataText(archive, info, "RECORD"), `${where}: RECORD`);
  const entryPoints = info.members.has("entry_points.txt")
    ? parseEntryPoints(await metadataText(archive, info, "entry_points.txt"), where)
    : { console: new Map(), gui: new Map() };

  const files = new Map<string, InstalledFile>();
  const library = `${scheme.paths.purelib}/`;
  // Python knows site-packages by its name with X.Y, and RECORD counts from there.
  const recordPath = (path: string) =>
    path.startsWith(library) ? path.slice(library.length) : relativeFrom(scheme.recordBase, path);
  const members = new Map<string, string>();
  const rewritten: string[] = [];
  for (const { member, path, isScript } of destinations(archive, scheme, entryPoints)) {
    let file: InstalledFile = { path, mode: modeOf(member), content: { kind: "member", member } };
    if (isScript && (await startsWith(archive, member, PLACEHOLDER))) {
      const bytes = withInterpreter(await readMember(archive, member, MAX_SCRIPT_BYTES), scheme.interpreter);
      if (bytes !== undefined) {
        file = { ...file, content: { kind: "bytes", bytes } };
        rewritten.push(path);
      }
    }
    files.set(path, file);
    members.set(member.name, recordPath(path));
  }

  const generated: string[] = [];
  const generate = (path: string, text: string, mode: InstalledFile["mode"] = 0o644) => {
    files.set(path, { path, mode, content: { kind: "bytes", bytes: Buffer.from(text) } });
    generated.push(path);
  };
  const targets = [
    ...consoleScripts(entryPoints, scheme.pythonVersion, where),
    ...guiScripts(entryPoints, where),
  ];
  for (const target of targets) {
    generate(`${scheme.paths.scripts}/${target.name}`, scriptText(target, scheme.interpreter), 0o755);
  }
  const infoPath = `${scheme.paths.purelib}/${info.directory}`;
  generate(`${infoPath}/INSTALLER`, "cambium\n");
  if (directUrl !== undefined) generate(`${infoPath}/direct_url.json`, directUrlJson(directUrl));
  generate(`${infoPath}/REQUESTED`, "");

  const rowOf = (path: string): RecordRow => {
    const content = files.get(path)?.content;
    if (content?.kind !== "bytes") throw new TypeError(`${path} is not in memory`);
    return recordRow(recordPath(path), content.bytes);
  };
  const record = installedRows(wheelRows, {
    members,
    changed: new Map(rewritten.map((path) => [recordPath(path), rowOf(path)])),
    generated: generated.map(rowOf),
  });
  generate(`${infoPath}/RECORD`, formatRecord(record));
  assertPlaces(files, scheme, where);
  return [...files.values()].sort((a, b) => comparePaths(a.path, b.path));
}

const PLACEHOLDER = Buffer.from("#!python");

async function metadataText(archive: Archive, info: WheelInfo, name: string): Promise<string> {
  const member = info.members.get(name);
  if (member === undefined) {
    throw new CambiumError(
      name === "RECORD" ? "WHEEL_RECORD" : "WHEEL_METADATA",
      `${archive.where}: it has no ${info.directory}/${name}`,
      {
        hint: "Without it this is no wheel; have it rebuilt by its project.",
      },
    );
  }
  const bytes = await readMember(archive, member, MAX_METADATA_BYTES);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new CambiumError("WHEEL_METADATA", `${archive.where}: ${member.name} is not UTF-8`, {
      hint: "Have the wheel rebuilt by its project.",
      cause,
    });
  }
}

type Destination = { readonly member: ArchiveMember; readonly path: string; readonly isScript: boolean };

/** Where each member lands, in the order in which pip writes: root, `.data` but scripts, scripts. */
function destinations(archive: Archive, scheme: InstallationScheme, entryPoints: EntryPoints): Destination[] {
  const root: Destination[] = [];
  const data: Destination[] = [];
  const scripts: Destination[] = [];
  for (const member of archive.members) {
    if (member.isDirectory) continue;
    const [top, key, ...rest] = member.path.split("/") as [string, ...string[]];
    if (!top.endsWith(".data")) {
      root.push({ member, path: `${scheme.paths.purelib}/${member.path}`, isScript: false });
      continue;
    }
    if (!isSchemeKey(key) || rest.length === 0) {
      throw new CambiumError(
        "WHEEL_DATA_SCHEME",
        `${archive.where}: ${JSON.stringify(member.name)} is not in one of ${top}/{${SCHEME_KEYS.join(",")}}/`,
        { hint: "Nothing says where this file belongs; have the wheel rebuilt by its project." },
      );
    }
    const path = `${scheme.paths[key]}/${rest.join("/")}`;
    if (key !== "scripts") data.push({ member, path, isScript: false });
    else if (!isWrapperOf(entryPoints, rest.at(-1)!)) scripts.push({ member, path, isScript: true });
  }
  return [...root, ...data, ...scripts];
}

function isSchemeKey(key: string | undefined): key is SchemeKey {
  return SCHEME_KEYS.some((it) => it === key);
}

/** pip's rule: executable for all if it is a regular file, said to be one, with any x bit. */
function modeOf(member: ArchiveMember): 0o644 | 0o755 {
  return (member.unixMode & 0o170000) === 0o100000 && (member.unixMode & 0o111) !== 0 ? 0o755 : 0o644;
}

/** A file may neither stand where another one needs a directory, nor replace a part of the venv. */
function assertPlaces(
  files: ReadonlyMap<string, InstalledFile>,
  scheme: InstallationScheme,
  where: string,
): void {
  const asked = new Set<string>();
  for (const path of files.keys()) {
    if (scheme.isReserved(path)) {
      throw new CambiumError("WHEEL_CONFLICT", `${where}: it would replace /${path}, a part of the venv`, {
        hint: "Leave the distribution out, or have it rebuilt without that file.",
      });
    }
    for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
      const directory = path.slice(0, at);
      if (asked.has(directory)) break;
      asked.add(directory);
      if (files.has(directory)) {
        throw new CambiumError(
          "WHEEL_CONFLICT",
          `${where}: /${directory} would be a file and the directory of /${path}`,
          {
            hint: "Have the wheel rebuilt by its project.",
          },
        );
      }
    }
  }
}
