import { environmentError } from "../../../errors.ts";
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
 * The tags of CPython with the GIL on glibc, in the order of `packaging.tags` 26: own ABI, stable ABI, none, the stable
 * ABI of older versions, then pure Python. Each platform list goes from the target's glibc down, `linux_*` last.
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
  add(own, own);
  add(own, "abi3");
  add(own, "none");
  // abi3 begins with Python 3.2 (PEP 384).
  for (let older = minor - 1; older >= 2; older--) add(`cp3${older}`, "abi3");
  const pure = [`py3${minor}`, "py3", ...Array.from({ length: minor }, (_, i) => `py3${minor - 1 - i}`)];
  for (const python of pure) add(python, "none");
  list.push(`${own}-none-any`);
  for (const python of pure) list.push(`${python}-none-any`);
  return { list, rank: new Map(list.map((tag, i) => [tag, i])) };
}

/** Platform tags of a target, best first (PEP 600). */
export function platformTags(target: PythonTarget): string[] {
  const [major, glibcMinor] = target.glibc;
  if (major !== 2) throw unsupported(`glibc ${target.glibc.join(".")}`);
  const isArm = target.platform.architecture === "arm64";
  const machine = isArm ? "aarch64" : "x86_64";
  const tags: string[] = [];
  // manylinux1 began at glibc 2.5 on x86, every other machine at manylinux2014.
  for (let minor = glibcMinor; minor >= (isArm ? 17 : 5); minor--) {
    tags.push(`manylinux_2_${minor}_${machine}`);
    const legacy = LEGACY_NAMES[minor];
    if (legacy !== undefined) tags.push(`${legacy}_${machine}`);
  }
  tags.push(`linux_${machine}`);
  return tags;
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
