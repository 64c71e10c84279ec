import { CambiumError } from "../../../errors.ts";
import { formatPlatform, type Platform } from "../../../platform.ts";
import { formatLibc, type Libc } from "../../linux/libc.ts";
import { type Mismatch, mismatchOf, platformsOf, type WheelPlace } from "../choice/mismatch.ts";
import { rankWheel, tagsOf } from "../standards/tags.ts";
import { parseWheelFilename } from "../standards/wheel-filename.ts";
import type { BaseInterpreter } from "./interpreters.ts";

/** What of a base decides whether wheels run on it. `where` names it in messages. */
export type PythonBase = {
  readonly where: string;
  readonly platform: Platform;
  readonly python: Pick<BaseInterpreter, "version" | "isFreeThreaded">;
  readonly libc: Libc | undefined;
  /** File names of the libraries that programs find there, further packages of the image included. */
  readonly libraries: ReadonlySet<string>;
};

/** A wheel to judge. `needed` and `provided` are there when its shared objects were read. */
export type WheelToFit = {
  readonly filename: string;
  /** DT_NEEDED of its shared objects, without what their own DT_RUNPATH finds in it. */
  readonly needed?: readonly string[];
  /** File names and sonames of its shared objects. */
  readonly provided?: readonly string[];
};

/** Why a base cannot take a wheel. */
export type Misfit = {
  readonly code:
    | "BASE_PYTHON"
    | "BASE_ABI"
    | "BASE_LIBC_VERSION"
    | "BASE_LIBC"
    | "BASE_MACHINE"
    | "BASE_PLATFORM"
    | "BASE_LIBRARY";
  readonly filename: string;
  readonly reason: string;
};

const CODES: Readonly<Record<Mismatch["cause"], Misfit["code"]>> = {
  python: "BASE_PYTHON",
  abi: "BASE_ABI",
  "libc-version": "BASE_LIBC_VERSION",
  libc: "BASE_LIBC",
  machine: "BASE_MACHINE",
  platform: "BASE_PLATFORM",
};

/** Misfits named in one message; a thousand wheels of another Python are one mistake. */
const MAX_SHOWN = 8;

/**
 * What stands against these wheels on a base, in their order: first by their tags, then, of those whose tags fit, by
 * libraries that neither the base nor any wheel of the set has.
 * @throws CambiumError `WHEEL_FILENAME`.
 */
export function misfitsOn(base: PythonBase, wheels: readonly WheelToFit[]): Misfit[] {
  const { platform, libc, python } = base;
  const minor = Number(python.version.slice("3.".length));
  const place: WheelPlace = { minor, isFreeThreaded: python.isFreeThreaded, platform, libc };
  const tags = tagsOf(place, platformsOf(place));
  const provided = new Set(wheels.flatMap((wheel) => wheel.provided ?? []));
  return wheels.flatMap(({ filename, needed = [] }): Misfit[] => {
    const wheel = parseWheelFilename(filename);
    if (rankWheel(wheel, tags) === undefined) {
      const { cause, text } = mismatchOf(wheel, place);
      return [{ code: CODES[cause], filename, reason: text }];
    }
    const missing = [...new Set(needed)].filter((name) => !provided.has(name) && !base.libraries.has(name));
    if (missing.length === 0) return [];
    return [{ code: "BASE_LIBRARY", filename, reason: `needs ${missing.join(", ")}` }];
  });
}

/**
 * Refuses wheels that a base cannot take, all of them in one message; the code is the first one's.
 * @throws CambiumError `BASE_PYTHON`, `BASE_ABI`, `BASE_LIBC_VERSION`, `BASE_LIBC`, `BASE_MACHINE`, `BASE_PLATFORM`,
 *   `BASE_LIBRARY`; `WHEEL_FILENAME`.
 */
export function assertTakes(base: PythonBase, wheels: readonly WheelToFit[]): void {
  const misfits = misfitsOn(base, wheels);
  const [first] = misfits;
  if (first === undefined) return;
  const shown = misfits.slice(0, MAX_SHOWN).map(({ filename, reason }) => `${filename}: ${reason}`);
  const more = misfits.length > MAX_SHOWN ? `; and ${misfits.length - MAX_SHOWN} more` : "";
  throw refusal(first.code, `${base.where} (${describe(base)})`, `${shown.join("; ")}${more}`);
}

function describe({ platform, python, libc }: PythonBase): string {
  const threads = python.isFreeThreaded ? ", free-threaded" : "";
  const library = libc === undefined ? "no C library" : formatLibc(libc);
  return `Python ${python.version}${threads}, ${library}, ${formatPlatform(platform)}`;
}

function refusal(code: Misfit["code"], base: string, wheels: string): CambiumError {
  switch (code) {
    case "BASE_PYTHON":
      return new CambiumError("BASE_PYTHON", `${base} cannot take ${wheels}`, {
        hint: "Take a base with that Python, or lock again for the base's: cambium lock",
      });
    case "BASE_ABI":
      return new CambiumError("BASE_ABI", `${base} cannot take ${wheels}`, {
        hint: "Take a base with a Python of that ABI, or lock again for the base's: cambium lock",
      });
    case "BASE_LIBC_VERSION":
      return new CambiumError("BASE_LIBC_VERSION", `${base} cannot take ${wheels}`, {
        hint: "Take a newer release of the base, or a version of the project with a wheel for older systems.",
      });
    case "BASE_LIBC":
      return new CambiumError("BASE_LIBC", `${base} cannot take ${wheels}`, {
        hint: "Take a base with that C library (Debian has glibc, Alpine musl), or lock again for the base's.",
      });
    case "BASE_MACHINE":
      return new CambiumError("BASE_MACHINE", `${base} cannot take ${wheels}`, {
        hint: "Take the base for that machine (--platform), or lock for the base's platform.",
      });
    case "BASE_PLATFORM":
      return new CambiumError("BASE_PLATFORM", `${base} cannot take ${wheels}`, {
        hint: "Images are Linux: lock for Linux.",
      });
    case "BASE_LIBRARY":
      return new CambiumError("BASE_LIBRARY", `${base} cannot take ${wheels}`, {
        hint: "Add the packages that have these libraries (apt:), or take a base that has them.",
      });
  }
}
