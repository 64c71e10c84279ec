import { CambiumError } from "../../../errors.ts";
import { formatPlatform } from "../../../platform.ts";
import { filenameOf } from "../requirements/requirement-location.ts";
import type { WantedRequirement } from "../requirements/wanted.ts";
import { evaluateMarker, markerEnvironment } from "../standards/marker.ts";
import { compatibleTags, rankWheel } from "../standards/tags.ts";
import { parseWheelFilename } from "../standards/wheel-filename.ts";
import type { PythonTarget } from "../target.ts";
import { type Mismatch, mismatchOf } from "./mismatch.ts";
import type { MissingWheel } from "./missing-wheel.ts";
import type { UniversalDistribution } from "./universal-lock.ts";

/** Wheels named in one message; a thousand of another Python are one mistake. */
const MAX_SHOWN = 8;

/** A wheel's file name, and why a target cannot install it. */
type UnfitWheel = Mismatch & { readonly filename: string };

/**
 * The refusal of wheels that were given: a lock that has this one file of a release and no other leaves nothing to
 * choose, so what does not fit is the base. The code is the first one's. Undefined when any of the releases has another
 * file, or none: see `wheelMissing`.
 * @param base what the wheels would run on, for messages
 */
export function unfitWheels(missing: readonly MissingWheel[], base: string): CambiumError | undefined {
  const [first] = missing as [MissingWheel];
  const { target, where } = first;
  const unfit = missing.map(({ distribution }) => unfitRelease(distribution, target));
  if (!unfit.every((one) => one !== undefined)) return undefined;
  return refusal(unfit, target, where, base);
}

/**
 * Refuses requirements that are a wheel by path or URL which a target cannot install, before anything is resolved.
 * @throws CambiumError `BASE_PYTHON`, `BASE_ABI`, `BASE_LIBC_VERSION`, `BASE_LIBC`, `BASE_MACHINE`, `BASE_PLATFORM`.
 */
export function assertWheelsFit(
  requirements: readonly WantedRequirement[],
  target: PythonTarget,
  base: string,
): void {
  const environment = markerEnvironment(target);
  const tags = compatibleTags(target);
  for (const { requirement, where } of requirements) {
    const { url, marker } = requirement;
    if (url === undefined || (marker !== undefined && !evaluateMarker(marker, environment))) continue;
    const filename = filenameOf(url);
    const wheel = filename.endsWith(".whl") ? parseWheelFilename(filename) : undefined;
    if (wheel === undefined || rankWheel(wheel, tags) !== undefined) continue;
    throw refusal([{ filename, ...mismatchOf(wheel, target) }], target, where, base);
  }
}

function unfitRelease(
  { wheels, sdist, needsBuild }: UniversalDistribution,
  target: PythonTarget,
): UnfitWheel | undefined {
  const [only, ...others] = wheels;
  if (only === undefined || others.length > 0 || sdist !== undefined || needsBuild !== undefined)
    return undefined;
  const { filename } = only;
  try {
    return { filename, ...mismatchOf(parseWheelFilename(filename), target) };
  } catch (error) {
    if (error instanceof CambiumError) return undefined;
    throw error;
  }
}

function refusal(
  unfit: readonly UnfitWheel[],
  target: PythonTarget,
  where: string,
  base: string,
): CambiumError {
  const shown = unfit.slice(0, MAX_SHOWN).map(({ filename, text }) => `${filename}: ${text}`);
  const more = unfit.length > MAX_SHOWN ? `; and ${unfit.length - MAX_SHOWN} more` : "";
  return errorFor(unfit[0]!.cause, `${where}: ${base} (${describe(target)})`, `${shown.join("; ")}${more}`);
}

function describe({ version, platform, glibc }: PythonTarget): string {
  return `Python ${version}, glibc ${glibc.join(".")}, ${formatPlatform(platform)}`;
}

function errorFor(cause: Mismatch["cause"], base: string, wheels: string): CambiumError {
  switch (cause) {
    case "python":
      return new CambiumError("BASE_PYTHON", `${base} cannot take ${wheels}`, {
        hint: "Take a base with that Python, or lock again for the base's: cambium lock",
      });
    case "abi":
      return new CambiumError("BASE_ABI", `${base} cannot take ${wheels}`, {
        hint: "Lock again for the base's Python (cambium lock); free-threaded Pythons are not supported yet.",
      });
    case "libc-version":
      return new CambiumError("BASE_LIBC_VERSION", `${base} cannot take ${wheels}`, {
        hint: "Take a newer release of the base, or a version of the project with a wheel for older systems.",
      });
    case "libc":
      return new CambiumError("BASE_LIBC", `${base} cannot take ${wheels}`, {
        hint: "Lock again for glibc (manylinux wheels): bases with musl are not supported yet.",
      });
    case "machine":
      return new CambiumError("BASE_MACHINE", `${base} cannot take ${wheels}`, {
        hint: "Build for that machine (--platform), or lock for the platform that is built.",
      });
    case "platform":
      return new CambiumError("BASE_PLATFORM", `${base} cannot take ${wheels}`, {
        hint: "Images are Linux: lock for Linux.",
      });
  }
}
