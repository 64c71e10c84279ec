import { z } from "zod";
import { usageError } from "../../../errors.ts";
import type { UniversalDistribution, UniversalLock } from "../choice/universal-lock.ts";
import type { DirectUrl, LockedArchive } from "../lock.ts";
import { parseProjectName } from "../name.ts";
import { redact } from "../standards/cursor.ts";
import { parseMarker } from "../standards/marker.ts";
import { parseSpecifier } from "../standards/specifier.ts";
import { normalizeVersion } from "../standards/version.ts";
import { parseWheelFilename } from "../standards/wheel-filename.ts";
import { ARCHIVE, type ArchivePlace, lockedArchive, withoutCredentials } from "./archive.ts";
import { checkShape, fieldError, placeOf, readToml } from "./toml.ts";

const PACKAGE = z.object({
  name: z.string(),
  version: z.string().optional(),
  marker: z.string().optional(),
  "requires-python": z.string().optional(),
  index: z.string().optional(),
  vcs: z
    .object({
      type: z.string(),
      url: z.string().optional(),
      path: z.string().optional(),
      "commit-id": z.string(),
    })
    .optional(),
  directory: z.object({ path: z.string(), editable: z.boolean().optional() }).optional(),
  archive: ARCHIVE.extend({ subdirectory: z.string().optional() }).optional(),
  sdist: ARCHIVE.optional(),
  wheels: z.array(ARCHIVE).optional(),
});
type Package = z.output<typeof PACKAGE>;

const PYLOCK = z.object({
  "lock-version": z.string(),
  "created-by": z.string(),
  environments: z.array(z.string()).optional(),
  "requires-python": z.string().optional(),
  extras: z.array(z.string()).optional(),
  "dependency-groups": z.array(z.string()).optional(),
  "default-groups": z.array(z.string()).optional(),
  packages: z.array(PACKAGE),
});

/** A `pylock.toml`, with the names that its markers may ask about. */
export type Pylock = UniversalLock & {
  readonly extras: readonly string[];
  readonly dependencyGroups: readonly string[];
};

/**
 * Reads PEP 751. `directory` is the lock file's own, absolute; relative paths begin there.
 * A package that is the project itself (`directory.path = "."`) is left out, with a notice.
 * @throws CambiumError `LOCK_SYNTAX`, `LOCK_VERSION`, `LOCK_FIELD`, `MARKER_SYNTAX`, `SPECIFIER_SYNTAX`.
 */
export function readPylock(text: string, where: string, directory?: string): Pylock {
  const file = readToml(text, where);
  const lockVersion = file.table["lock-version"];
  if (typeof lockVersion === "string") assertVersion(lockVersion, where);
  const lock = checkShape(file, PYLOCK, "Write the file again with the tool that made it.");
  const notices: string[] = [];
  if (lock["lock-version"] !== "1.0") {
    notices.push(`${where}: lock-version ${lock["lock-version"]} is newer than 1.0, read as 1.0`);
  }
  const distributions: UniversalDistribution[] = [];
  for (const [index, entry] of lock.packages.entries()) {
    const path = ["packages", index];
    if (entry.directory !== undefined && /^\.?\/?$/.test(entry.directory.path)) {
      notices.push(`${where}: ${entry.name} is the project itself; its wheel is not taken from the lock`);
    } else {
      distributions.push(readPackage(entry, { file, path, directory }));
    }
  }
  for (const marker of lock.environments ?? []) parseMarker(marker, `${where}: environments`);
  const requiresPython = checkedSpecifier(lock["requires-python"], `${where}: requires-python`);
  const names = (list: string[] | undefined, field: string) => {
    return (list ?? []).map((name) => parseProjectName(name, `${where}: ${field}`) as string);
  };
  return {
    ...(requiresPython === undefined ? {} : { requiresPython }),
    distributions,
    ...(lock.environments === undefined ? {} : { environments: lock.environments }),
    defaultGroups: names(lock["default-groups"], "default-groups"),
    extras: names(lock.extras, "extras"),
    dependencyGroups: names(lock["dependency-groups"], "dependency-groups"),
    notices,
  };
}

function assertVersion(version: string, where: string): void {
  if (/^1\.\d+$/.test(version)) return;
  throw usageError(
    "LOCK_VERSION",
    `${where}: lock-version ${JSON.stringify(version)} cannot be read`,
    "Cambium reads pylock.toml of lock-version 1.0 (PEP 751); write the file with such a version.",
  );
}

function readPackage(entry: Package, place: ArchivePlace): UniversalDistribution {
  const where = placeOf(place.file, place.path);
  const name = parseProjectName(entry.name, where);
  const sources = (["vcs", "directory", "archive"] as const).filter((key) => entry[key] !== undefined);
  const isFromIndex = entry.wheels !== undefined || entry.sdist !== undefined;
  if (sources.length + (isFromIndex ? 1 : 0) !== 1) {
    const has = [...sources, ...(isFromIndex ? ["wheels or sdist"] : [])].join(", ") || "none";
    const rule = "exactly one of vcs, directory, archive, or wheels with sdist";
    throw fieldError(place.file, place.path, `${name} must have ${rule}; it has: ${has}`);
  }
  const at = (...rest: PropertyKey[]): ArchivePlace => ({ ...place, path: [...place.path, ...rest] });
  const direct = entry.archive === undefined ? undefined : lockedArchive(entry.archive, at("archive"));
  const isDirectWheel = direct?.filename.endsWith(".whl") === true;
  const wheels = isDirectWheel
    ? [direct]
    : (entry.wheels ?? []).map((wheel, i) => {
        // Names stay unread here: only the wheel that is chosen must be one that Cambium understands.
        return lockedArchive(wheel, at("wheels", i));
      });
  const sdist = entry.sdist === undefined ? undefined : lockedArchive(entry.sdist, at("sdist"));
  const needsBuild = isDirectWheel ? undefined : sourceTree(entry);
  const requiresPython = checkedSpecifier(entry["requires-python"], `${where}: requires-python`);
  if (entry.marker !== undefined) parseMarker(entry.marker, `${where}: marker of ${name}`);
  return {
    name,
    version: readVersion(entry, wheels, place),
    ...(entry.marker === undefined ? {} : { marker: entry.marker }),
    wheels,
    ...(sdist === undefined ? {} : { sdist }),
    ...(direct === undefined || !isDirectWheel ? {} : directUrl(direct)),
    ...(entry.index === undefined ? {} : { index: readIndex(entry.index, place) }),
    ...(requiresPython === undefined ? {} : { requiresPython }),
    ...(needsBuild === undefined ? {} : { needsBuild }),
  };
}

/** A source tree may have no version until it is built; a wheel always has one in its name. */
function readVersion(entry: Package, wheels: readonly LockedArchive[], place: ArchivePlace): string {
  if (entry.version !== undefined) return normalizeVersion(entry.version, placeOf(place.file, place.path));
  const [wheel] = wheels;
  if (wheel !== undefined) return parseWheelFilename(wheel.filename).version;
  if (entry.sdist === undefined) return "0";
  throw fieldError(place.file, place.path, `${entry.name} has no version`);
}

function sourceTree(entry: Package): string | undefined {
  if (entry.vcs !== undefined) {
    const location = redact(entry.vcs.url ?? entry.vcs.path ?? "");
    return `${entry.vcs.type}+${location}@${entry.vcs["commit-id"]}`;
  }
  if (entry.directory !== undefined) return `directory ${entry.directory.path}`;
  if (entry.archive !== undefined) return `archive ${redact(entry.archive.url ?? entry.archive.path ?? "")}`;
  return undefined;
}

/** PEP 610: what came from a URL is recorded with it. */
function directUrl(archive: LockedArchive): { directUrl?: DirectUrl } {
  if (archive.url === undefined) return {};
  return { directUrl: { url: archive.url, archive_info: { hashes: { sha256: archive.sha256.slice(7) } } } };
}

function readIndex(index: string, place: ArchivePlace): string {
  const clean = withoutCredentials(index);
  if (clean === undefined) {
    throw fieldError(place.file, [...place.path, "index"], `not a URL: ${JSON.stringify(redact(index))}`);
  }
  return clean;
}

function checkedSpecifier(text: string | undefined, where: string): string | undefined {
  if (text !== undefined) parseSpecifier(text, where);
  return text;
}
