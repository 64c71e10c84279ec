import { CambiumError } from "../../../errors.ts";
import { formatPlatform } from "../../../platform.ts";
import type { ChosenWheel, LockedArchive, NormalizedName } from "../lock.ts";
import { parseProjectName } from "../name.ts";
import { evaluateMarker, type MarkerSelection, markerEnvironment, parseMarker } from "../standards/marker.ts";
import { parseSpecifier, satisfies } from "../standards/specifier.ts";
import { type CompatibleTags, compatibleTags, rankWheel } from "../standards/tags.ts";
import { comparePublic, compareVersions, parseVersion, tryVersion } from "../standards/version.ts";
import { parseWheelFilename } from "../standards/wheel-filename.ts";
import type { PythonTarget } from "../target.ts";
import { type MissingWheel, wheelMissing } from "./missing-wheel.ts";
import { unfitWheels } from "./unfit-wheel.ts";
import type { UniversalDistribution, UniversalLock } from "./universal-lock.ts";

/** What is asked for beyond the plain dependencies. Without `groups`, the lock's default groups. */
export type ChooseContext = { readonly extras: readonly string[]; readonly groups?: readonly string[] };

export type ChooseOptions = {
  /** The file or resolution that the lock is from, for messages. */
  readonly where?: string;
  /** What the wheels would run on, for messages. */
  readonly base?: string;
  /** Versions near the locked one that have a wheel for the target, best first; asked only when one is missing. */
  readonly nearestWithWheel?: (name: NormalizedName) => Promise<readonly string[]>;
  /** What to do about a distribution without a wheel, such as building it. The default is an error. */
  readonly noWheel?: (missing: MissingWheel) => Promise<ChosenWheel>;
};

export type Choice = { readonly chosen: readonly ChosenWheel[]; readonly notices: readonly string[] };

/**
 * Settles a universal lock for one target: markers, then one release per name, then its best wheel.
 * Sorted by name.
 * @throws CambiumError `LOCK_PYTHON` when the lock or a release is not for the target's Python, `LOCK_ENVIRONMENT` when
 * none of its environments is the target's, `LOCK_AMBIGUOUS` when two releases of one name remain, `HASH_UNMATCHED`,
 * `WHEEL_MISSING`, or `BASE_PYTHON` and its like where the lock gives one wheel only, `WHEEL_FILENAME`, `LOCK_NAME` when a chosen wheel is named after another project or version.
 */
export async function chooseWheels(
  lock: UniversalLock,
  target: PythonTarget,
  context: ChooseContext,
  options: ChooseOptions = {},
): Promise<Choice> {
  const where = options.where ?? "lock";
  const rankOf = newRanking(compatibleTags(target));
  const selection = {
    extras: context.extras.map((extra) => parseProjectName(extra, "extras")),
    groups: (context.groups ?? lock.defaultGroups ?? []).map((group) => parseProjectName(group, "groups")),
  };
  assertForTarget(lock, target, where);
  const chosen: ChosenWheel[] = [];
  const missing: MissingWheel[] = [];
  for (const distribution of oneOfEachName(lock, target, selection, where)) {
    assertPython(distribution.requiresPython, target, `${distribution.name} ${distribution.version}`, where);
    const wheel = bestWheel(distribution, rankOf, where);
    if (wheel === undefined) missing.push({ distribution, target, where });
    else chosen.push(chosenWheel(distribution, wheel));
  }
  const noWheel = options.noWheel;
  if (missing.length > 0 && noWheel === undefined) {
    const unfit = unfitWheels(missing, options.base ?? "the base");
    throw unfit ?? (await wheelMissing(missing, options.nearestWithWheel));
  }
  if (noWheel !== undefined) for (const one of missing) chosen.push(await noWheel(one));
  chosen.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { chosen, notices: lock.notices ?? [] };
}

function assertForTarget(lock: UniversalLock, target: PythonTarget, where: string): void {
  assertPython(lock.requiresPython, target, undefined, where);
  const { environments } = lock;
  if (environments === undefined || environments.length === 0) return;
  const environment = markerEnvironment(target);
  if (environments.some((marker) => evaluateMarker(parseMarker(marker, where), environment))) return;
  throw new CambiumError(
    "LOCK_ENVIRONMENT",
    `${where}: not made for ${describe(target)}: ${environments.join(" | ")}`,
    {
      hint: "Lock again with this environment among those that the lock is for, or build for another platform or Python.",
    },
  );
}

function assertPython(
  specifier: string | undefined,
  target: PythonTarget,
  release: string | undefined,
  where: string,
): void {
  if (specifier === undefined) return;
  if (satisfies(parseVersion(target.version, where), parseSpecifier(specifier, where))) return;
  const subject = release === undefined ? "" : `${release} `;
  throw new CambiumError(
    "LOCK_PYTHON",
    `${where}: ${subject}requires Python ${specifier}, the target has ${target.version}`,
    { hint: "Choose a base with such a Python, or lock again for this one." },
  );
}

/** The releases whose markers hold; one per name, since an environment has room for one. */
function oneOfEachName(
  lock: UniversalLock,
  target: PythonTarget,
  selection: MarkerSelection,
  where: string,
): Iterable<UniversalDistribution> {
  const environment = markerEnvironment(target);
  // Locks repeat few markers over many packages.
  const known = new Map<string, boolean>();
  const holds = (text: string) => {
    const result = known.get(text) ?? evaluateMarker(parseMarker(text, where), environment, selection);
    known.set(text, result);
    return result;
  };
  const byName = new Map<NormalizedName, UniversalDistribution>();
  for (const distribution of lock.distributions) {
    if (distribution.marker !== undefined && !holds(distribution.marker)) continue;
    const other = byName.get(distribution.name);
    if (other !== undefined) throw ambiguous(other, distribution, target, where);
    byName.set(distribution.name, distribution);
  }
  return byName.values();
}

function ambiguous(a: UniversalDistribution, b: UniversalDistribution, target: PythonTarget, where: string) {
  const side = (one: UniversalDistribution) => `${one.version} (${one.marker ?? "always"})`;
  return new CambiumError(
    "LOCK_AMBIGUOUS",
    `${where}: two releases of ${a.name} for ${describe(target)}: ${side(a)} and ${side(b)}`,
    { hint: "Their markers must not hold together; ask for fewer extras or groups, or lock again." },
  );
}

/** @throws CambiumError `HASH_UNMATCHED`. */
function bestWheel(
  distribution: UniversalDistribution,
  rankOf: (filename: string) => number | undefined,
  where: string,
): LockedArchive | undefined {
  const allowed = distribution.allowedHashes;
  let best: { wheel: LockedArchive; rank: number } | undefined;
  let refused: LockedArchive | undefined;
  for (const wheel of distribution.wheels) {
    const rank = rankOf(wheel.filename);
    if (rank === undefined) continue;
    if (allowed !== undefined && !allowed.includes(wheel.sha256)) refused = wheel;
    else if (best === undefined || rank < best.rank) best = { wheel, rank };
    else if (rank === best.rank && isBetterBuild(wheel, best.wheel)) best = { wheel, rank };
  }
  if (best !== undefined) return best.wheel;
  if (allowed === undefined) return undefined;
  const archives = [
    ...distribution.wheels,
    ...(distribution.sdist === undefined ? [] : [distribution.sdist]),
  ];
  if (refused === undefined && archives.some((archive) => allowed.includes(archive.sha256))) return undefined;
  const offer = refused === undefined ? "" : `; ${refused.filename} has ${refused.sha256}`;
  throw new CambiumError(
    "HASH_UNMATCHED",
    `${where}: ${distribution.name} ${distribution.version}: no file for the target has ${allowed.join(" or ")}${offer}`,
    { hint: "Correct the --hash values, or remove them if the release was meant to change." },
  );
}

/**
 * Ranks file names. A lock of 100 packages may list 10,000 wheels with some hundred tag sets among them, so only the tag
 * set is cut out of a name, and each is ranked once. What has not the form of a wheel's name cannot
 * be chosen; the chosen one is read whole by `chosenWheel`.
 */
function newRanking(tags: CompatibleTags): (filename: string) => number | undefined {
  const known = new Map<string, number | undefined>();
  return (filename) => {
    const platformAt = filename.lastIndexOf("-");
    const abiAt = filename.lastIndexOf("-", platformAt - 1);
    const pythonAt = filename.lastIndexOf("-", abiAt - 1);
    if (!filename.endsWith(".whl") || pythonAt < 1 || !isReleaseAndBuild(filename, pythonAt))
      return undefined;
    const tagSet = filename.slice(pythonAt + 1, -4);
    if (!known.has(tagSet)) known.set(tagSet, rankTagSet(tagSet, tags));
    return known.get(tagSet);
  };
}

/** Whether a name up to `end` is `name-version` or `name-version-build`. */
function isReleaseAndBuild(filename: string, end: number): boolean {
  const versionAt = filename.indexOf("-") + 1;
  if (versionAt > end) return false;
  const buildAt = filename.indexOf("-", versionAt) + 1;
  if (buildAt > end) return true;
  const digit = filename.charCodeAt(buildAt) - 48;
  return digit >= 0 && digit <= 9 && filename.indexOf("-", buildAt) === end;
}

function rankTagSet(tagSet: string, tags: CompatibleTags): number | undefined {
  const [pythonTags, abiTags, platformTags] = tagSet
    .toLowerCase()
    .split("-")
    .map((part) => part.split("."));
  return rankWheel({ pythonTags: pythonTags!, abiTags: abiTags!, platformTags: platformTags! }, tags);
}

/** Between wheels of equal tags the higher build tag wins, none being the lowest (binary distribution format). */
function isBetterBuild(a: LockedArchive, b: LockedArchive): boolean {
  const [x, y] = [buildOf(a.filename), buildOf(b.filename)];
  if (x.number !== y.number) return x.number > y.number;
  // The name decides last, so that the order in the lock never does.
  return x.rest === y.rest ? a.filename < b.filename : x.rest > y.rest;
}

function buildOf(filename: string): { number: number; rest: string } {
  const parts = filename.split("-");
  const match = parts.length === 6 ? /^(\d+)(.*)$/.exec(parts[2]!) : null;
  return match === null ? { number: -1, rest: "" } : { number: Number(match[1]), rest: match[2]! };
}

function chosenWheel(distribution: UniversalDistribution, wheel: LockedArchive): ChosenWheel {
  const { name, version, directUrl, index } = distribution;
  const filename = parseWheelFilename(wheel.filename);
  if (filename.name !== name || !isSameVersion(wheel.filename, version)) {
    throw new CambiumError(
      "LOCK_NAME",
      `${name} ${version} has a wheel of another release: ${wheel.filename}`,
      {
        hint: "The lock was damaged or edited; write it again with the tool that made it.",
      },
    );
  }
  return {
    name,
    version,
    wheel,
    ...(directUrl === undefined ? {} : { directUrl }),
    ...(index === undefined ? {} : { index }),
  };
}

/** One side may lack the local part: indexes of local builds list `2.1` for a file of `2.1+cpu`, and the other way round. */
function isSameVersion(filename: string, locked: string): boolean {
  const [a, b] = [tryVersion(filename.split("-")[1]!.replaceAll("_", "-")), tryVersion(locked)];
  if (a === undefined || b === undefined) return false;
  return a.local === undefined || b.local === undefined
    ? comparePublic(a, b) === 0
    : compareVersions(a, b) === 0;
}

function describe(target: PythonTarget): string {
  return `Python ${target.version} on ${formatPlatform(target.platform)}`;
}
