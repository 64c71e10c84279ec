import { CambiumError } from "../../../errors.ts";
import { formatPlatform } from "../../../platform.ts";
import type { NormalizedName } from "../lock.ts";
import { parseWheelFilename } from "../standards/wheel-filename.ts";
import type { PythonTarget } from "../target.ts";
import { mismatchOf } from "./mismatch.ts";
import type { UniversalDistribution } from "./universal-lock.ts";

/** A release of a lock that has no wheel for a target: what a build from source would begin with. */
export type MissingWheel = {
  readonly distribution: UniversalDistribution;
  readonly target: PythonTarget;
  /** The file or resolution that the lock is from. */
  readonly where: string;
};

/**
 * The error `WHEEL_MISSING` for one release or several: name, version, target and what files there are.
 * `nearest` is asked for versions that have a wheel.
 */
export async function wheelMissing(
  missing: readonly MissingWheel[],
  nearest?: (name: NormalizedName) => Promise<readonly string[]>,
): Promise<CambiumError> {
  const [first] = missing as [MissingWheel];
  const { target, where } = first;
  const subject = `Python ${target.version}, ${formatPlatform(target.platform)}, glibc ${target.glibc.join(".")}`;
  const lines = missing.map(({ distribution }) => {
    return `${distribution.name} ${distribution.version} (${whatThereIs(distribution, target)})`;
  });
  const hints: string[] = [];
  for (const { distribution } of nearest === undefined ? [] : missing) {
    const versions = await nearest!(distribution.name);
    if (versions.length > 0) hints.push(`${distribution.name} has a wheel in ${versions.join(", ")}.`);
  }
  hints.push(
    missing.some(({ distribution }) => distribution.needsBuild !== undefined)
      ? "Building from source is not supported yet: build the wheel and lock its file or URL, or take a released version."
      : "Ask for a version that has one, or build for another Python, platform or base.",
  );
  return new CambiumError("WHEEL_MISSING", `${where}: no wheel for ${subject}: ${lines.join("; ")}`, {
    hint: hints.join(" "),
  });
}

/** What a release offers instead, shortest first: at most four reasons, since a big release has a hundred wheels. */
function whatThereIs(distribution: UniversalDistribution, target: PythonTarget): string {
  if (distribution.needsBuild !== undefined) return `a source tree: ${distribution.needsBuild}`;
  if (distribution.wheels.length === 0) {
    return distribution.sdist === undefined
      ? "no files at all"
      : `only a source distribution: ${distribution.sdist.filename}`;
  }
  const reasons = new Map<string, number>();
  for (const wheel of distribution.wheels) {
    const reason = reasonOf(wheel.filename, target);
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  // What almost fits is what people want to know, so a wheel that fails on glibc or machine goes first.
  const sorted = [...reasons.keys()].sort((a, b) => closeness(a) - closeness(b) || (a < b ? -1 : 1));
  const shown = sorted.slice(0, 4).join("; ");
  return sorted.length > 4 ? `${shown}; and ${sorted.length - 4} more` : shown;
}

function closeness(reason: string): number {
  return (
    ["needs glibc", "only for musl", "only for CPython", "only for Python"].findIndex((start) => {
      return reason.startsWith(start);
    }) + 1 || 9
  );
}

function reasonOf(filename: string, target: PythonTarget): string {
  try {
    return mismatchOf(parseWheelFilename(filename), target).text;
  } catch (error) {
    if (error instanceof CambiumError) return `not a wheel's name: ${filename.slice(0, 80)}`;
    throw error;
  }
}
