import { environmentError } from "../../../errors.ts";
import type { Platform } from "../../../platform.ts";
import type { PythonTarget } from "../target.ts";
import type { WheelFilename } from "./wheel-filename.ts";

/** What a target can install: its compatibility tags, best first, and the place of each. */
export type CompatibleTags = {
  /** `python-abi-platform`, in the order of preference. */
  readonly list: readonly string[];
  readonly rank: ReadonlyMap<string, number>;
};

/** PEP 513, 571 and 599 named these three by year or number, PEP 600 by the glibc. */
const LEGACY_NAMES: Readonly<Record<number, string>> = {
  17: "manylinux2014",
  12: "manylinux2010",
  5: "manylinux1",
};

/** A compressed tag set beyond this is hostile; real ones stay below 30. */
const MAX_COMBINATIONS = 10_000;

/**
 * The tags of a target, CPython with the GIL on glibc, in the order of `packaging.tags` 26: own ABI, stable ABI, none, the
 * stable ABI of older versions, then pure Python.
 * @throws CambiumError `TARGET_UNSUPPORTED` for a Python that is not 3.x or a glibc that is not 2.x.
 */
export function compatibleTags(target: PythonTarget): CompatibleTags {
  const minor = minorOf(target);
  const platforms = platformTags(target);
  const list: string[] = [];
  const add = (python: string, abi: string) => {
    for (const platform of platforms) list.push(`${python}-${abi}-${platform}`);
  };
  const own = `cp3${minor}`;
  for (const abi of [own, "abi3", "none"]) add(own, abi);
  // abi3 begins with Python 3.2 (PEP 384).
  for (let older = minor - 1; older >= 2; older--) add(`cp3${older}`, "abi3");
  const pure = [`py3${minor}`, "py3", ...Array.from({ length: minor }, (_, i) => `py3${minor - 1 - i}`)];
  for (const python of pure) add(python, "none");
  list.push(`${own}-none-any`);
  for (const python of pure) list.push(`${python}-none-any`);
  return { list, rank: new Map(list.map((tag, i) => [tag, i])) };
}

/** Platform tags of a target, each from its glibc down, `linux_*` last (PEP 600). */
export function platformTags(target: PythonTarget): string[] {
  const [major, glibcMinor] = target.glibc;
  if (major !== 2) throw unsupported(`glibc ${target.glibc.join(".")}`);
  const machine = machineOf(target.platform);
  const tags: string[] = [];
  // manylinux1 began at glibc 2.5 on x86, every other machine at manylinux2014.
  for (let minor = glibcMinor; minor >= (machine === "aarch64" ? 17 : 5); minor--) {
    tags.push(`manylinux_2_${minor}_${machine}`);
    const legacy = LEGACY_NAMES[minor];
    if (legacy !== undefined) tags.push(`${legacy}_${machine}`);
  }
  tags.push(`linux_${machine}`);
  return tags;
}

/** The glibc 2.Y that a platform tag asks for, whatever its machine; undefined for what is no manylinux tag. */
export function glibcMinorOf(tag: string): number | undefined {
  const minor = /^manylinux_2_(\d+)_/.exec(tag)?.[1];
  if (minor !== undefined) return Number(minor);
  const legacy = Object.entries(LEGACY_NAMES).find(([, name]) => tag.startsWith(`${name}_`));
  return legacy === undefined ? undefined : Number(legacy[0]);
}

/** The musl 1.Y that a platform tag asks for; undefined for what is no musllinux tag. */
export function muslMinorOf(tag: string): number | undefined {
  const minor = /^musllinux_1_(\d+)_/.exec(tag)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/** The machine as wheels spell it. */
export function machineOf(platform: Platform): string {
  return platform.architecture === "arm64" ? "aarch64" : "x86_64";
}

/** The place of a wheel's best tag, 0 the best; `undefined` when the target cannot install it. */
export function rankWheel(
  wheel: Pick<WheelFilename, "pythonTags" | "abiTags" | "platformTags">,
  tags: CompatibleTags,
): number | undefined {
  if (wheel.pythonTags.length * wheel.abiTags.length * wheel.platformTags.length > MAX_COMBINATIONS)
    return undefined;
  let best: number | undefined;
  for (const python of wheel.pythonTags) {
    for (const abi of wheel.abiTags) {
      for (const platform of wheel.platformTags) {
        const rank = tags.rank.get(`${python}-${abi}-${platform}`);
        if (rank !== undefined && (best === undefined || rank < best)) best = rank;
      }
    }
  }
  return best;
}

/** The `Y` of a target's Python 3.Y.
 * @throws CambiumError `TARGET_UNSUPPORTED` for any other Python.
 */
export function minorOf(target: PythonTarget): number {
  const match = /^3\.(\d{1,3})(?:\.|$)/.exec(target.version);
  if (match === null) throw unsupported(`Python ${target.version}`);
  return Number(match[1]);
}

function unsupported(what: string) {
  return environmentError(
    "TARGET_UNSUPPORTED",
    `no compatibility tags for ${what}`,
    "Build for CPython 3 on a base with glibc 2.",
  );
}
