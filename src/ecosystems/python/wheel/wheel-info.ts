import { CambiumError } from "../../../errors.ts";
import type { Archive, ArchiveMember } from "../archive.ts";
import { compareVersions, tryVersion } from "../standards/version.ts";
import type { WheelFilename } from "../standards/wheel-filename.ts";

/** What an archive must be to count as the wheel that its file name promises. */
export type WheelInfo = {
  /** `NAME-VERSION.dist-info`, as written. */
  readonly directory: string;
  /** Members in that directory by their name below it. */
  readonly members: ReadonlyMap<string, ArchiveMember>;
};

/**
 * Finds the one top-level `.dist-info`; nested ones (vendored distributions) are ordinary files.
 * @throws CambiumError `WHEEL_DIST_INFO` if there is none or several, or its name is another distribution's.
 */
export function findWheelInfo(archive: Archive, wheel: WheelFilename): WheelInfo {
  const { where } = archive;
  const directories = new Set<string>();
  for (const { path } of archive.members) {
    const slash = path.indexOf("/");
    if (slash > 0 && path.endsWith(".dist-info", slash)) directories.add(path.slice(0, slash));
  }
  const [directory, ...others] = directories;
  const found = [...directories].map((it) => JSON.stringify(it)).join(", ");
  if (directory === undefined) throw distInfo(where, "it has no .dist-info directory");
  if (others.length > 0) throw distInfo(where, `it has ${directories.size} .dist-info directories: ${found}`);
  const match = /^(.+?)-([^-]+)\.dist-info$/.exec(directory);
  if (match === null || !isName(match[1]!, wheel) || !isVersion(match[2]!, wheel)) {
    throw distInfo(where, `it has ${found}, but the file name says ${wheel.name} ${wheel.version}`);
  }
  const prefix = `${directory}/`;
  const members = new Map<string, ArchiveMember>();
  for (const member of archive.members) {
    if (!member.isDirectory && member.path.startsWith(prefix))
      members.set(member.path.slice(prefix.length), member);
  }
  return { directory, members };
}

/**
 * Holds METADATA to the file name. @throws CambiumError `WHEEL_METADATA` naming both values.
 */
export function assertMetadata(text: string, wheel: WheelFilename, where: string): void {
  const headers = parseHeaders(text);
  const name = headers.get("name")?.trim();
  const version = headers.get("version")?.trim();
  if (name === undefined || !isName(name, wheel)) {
    throw metadata(
      where,
      `METADATA has the name ${JSON.stringify(name ?? null)}, the file name ${wheel.name}`,
    );
  }
  if (version === undefined || !isVersion(version, wheel)) {
    throw metadata(
      where,
      `METADATA has the version ${JSON.stringify(version ?? null)}, the file name ${wheel.version}`,
    );
  }
}

/**
 * Checks the WHEEL file: a version that we understand. A newer minor version is compatible by its definition
 * (packaging.python.org, binary distribution format). Where `Root-Is-Purelib` sends the root makes no difference in our
 * schemes, so it only has to be there.
 * @throws CambiumError `WHEEL_METADATA`.
 */
export function assertWheelVersion(text: string, where: string): void {
  const version = parseHeaders(text).get("wheel-version")?.trim();
  const major = /^(\d{1,9})(?:\.\d+)*$/.exec(version ?? "");
  if (major === null) throw metadata(where, `WHEEL has the Wheel-Version ${JSON.stringify(version ?? null)}`);
  if (Number(major[1]) > 1) {
    throw metadata(where, `WHEEL has the Wheel-Version ${version}, but 1.x is the newest that is known`);
  }
}

/** Headers as in mail (core metadata uses the same syntax): first of each name, in lower case; continuation lines join. */
export function parseHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  let last: string | undefined;
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === "") break;
    if (/^[ \t]/.test(line)) {
      if (last !== undefined) headers.set(last, `${headers.get(last)}\n${line}`);
      continue;
    }
    const colon = line.indexOf(":");
    // As Python's parser: a line that is no header ends them.
    if (colon <= 0) break;
    const name = line.slice(0, colon).toLowerCase();
    last = headers.has(name) ? undefined : name;
    if (last !== undefined) headers.set(name, line.slice(colon + 1).replace(/^[ \t]+/, ""));
  }
  return headers;
}

function isName(written: string, wheel: WheelFilename): boolean {
  return written.toLowerCase().replace(/[-_.]+/g, "-") === wheel.name;
}

/** Versions are equal as PEP 440 compares them: `1.0` is `1.0.0`. */
function isVersion(written: string, wheel: WheelFilename): boolean {
  const [version, expected] = [tryVersion(written.replaceAll("_", "-")), tryVersion(wheel.version)];
  return version !== undefined && expected !== undefined && compareVersions(version, expected) === 0;
}

function distInfo(where: string, what: string): CambiumError {
  return new CambiumError("WHEEL_DIST_INFO", `${where}: ${what}`, {
    hint: "The wheel is not what its file name says; fetch it anew, or have it rebuilt by its project.",
  });
}

function metadata(where: string, what: string): CambiumError {
  return new CambiumError("WHEEL_METADATA", `${where}: ${what}`, {
    hint: "The wheel's metadata is wrong or missing; have it rebuilt by its project.",
  });
}
