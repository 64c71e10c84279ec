import type { UniversalDistribution, UniversalLock } from "../choice/universal-lock.ts";
import type { LockedArchive } from "../lock.ts";
import type { PythonTarget } from "../target.ts";

/** What one target's resolution came to: one release per name. */
export type TargetResolution = {
  readonly target: PythonTarget;
  readonly distributions: readonly UniversalDistribution[];
};

/**
 * One lock for all targets: a release that every target has stands without a marker, the others with one that holds
 * for their targets only. `environments` says which targets the lock answers for.
 */
export function mergeTargets(resolutions: readonly TargetResolution[]): UniversalLock {
  const targets = resolutions.map(({ target }) => target);
  const groups = new Map<string, { distribution: UniversalDistribution; targets: PythonTarget[] }>();
  for (const { target, distributions } of resolutions) {
    for (const found of distributions) {
      const key = JSON.stringify([found.name, found.version, found.index ?? "", found.directUrl?.url ?? ""]);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { distribution: withoutMarker(found), targets: [target] });
      else {
        const wheels = mergeArchives(group.distribution.wheels, found.wheels);
        group.distribution = { ...group.distribution, wheels };
        group.targets.push(target);
      }
    }
  }
  const keys = [...groups.keys()].sort();
  const distributions = keys.map((key): UniversalDistribution => {
    const { distribution, targets: having } = groups.get(key)!;
    if (having.length === targets.length) return distribution;
    return { ...distribution, marker: markerFor(having, targets) };
  });
  return { distributions, environments: [...new Set(targets.map(environmentMarker))] };
}

/** Holds for this target's Python and machine, and no other. */
export function environmentMarker(target: PythonTarget): string {
  return `sys_platform == 'linux' and implementation_name == 'cpython' and ${machineAndPython(target).join(" and ")}`;
}

/** As short as the other targets allow: a Python or a machine that decides alone is said alone. */
function markerFor(having: readonly PythonTarget[], all: readonly PythonTarget[]): string {
  const lacking = all.filter((target) => !having.includes(target));
  for (const part of [0, 1] as const) {
    const values = new Set(having.map((target) => machineAndPython(target)[part]));
    if (lacking.every((target) => !values.has(machineAndPython(target)[part])))
      return [...values].join(" or ");
  }
  return [...new Set(having.map((target) => machineAndPython(target).join(" and ")))].join(" or ");
}

function machineAndPython(target: PythonTarget): [machine: string, python: string] {
  const machine = target.platform.architecture === "arm64" ? "aarch64" : "x86_64";
  const python = target.version.split(".").slice(0, 2).join(".");
  return [`platform_machine == '${machine}'`, `python_version == '${python}'`];
}

/** uv's marker says when the release was needed; in a resolution for one target that is settled. */
function withoutMarker({ marker: _, ...rest }: UniversalDistribution): UniversalDistribution {
  return { ...rest, wheels: mergeArchives(rest.wheels, []) };
}

function mergeArchives(first: readonly LockedArchive[], second: readonly LockedArchive[]): LockedArchive[] {
  const byName = new Map([...first, ...second].map((archive) => [archive.filename, archive]));
  return [...byName.values()].sort((a, b) => (a.filename < b.filename ? -1 : 1));
}
