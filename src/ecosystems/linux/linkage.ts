import type { SharedObject } from "../../layer/segment.ts";

/** Which shared objects of a set the dynamic loader can load. */
export type Linkage = {
  /** Whether all that it loads is there. */
  canLoad(object: SharedObject): boolean;
  /** Names that nobody has, of all that these load, sorted. */
  missing(objects: Iterable<SharedObject>): string[];
};

/**
 * Follows DT_NEEDED through a set of shared objects; `isElsewhere` says what the rest of the system has, which counts as
 * whole. A name is looked for in the whole set, by file name and by soname, whatever the folders of DT_RUNPATH: packages
 * reach each other's libraries by ways that no header tells, such as preloading. Of several that have a name the best
 * one counts. Time: linear in what the objects need, cycles included.
 */
export function linkage(objects: readonly SharedObject[], isElsewhere: (name: string) => boolean): Linkage {
  const providers = new Map<string, SharedObject[]>();
  const needers = new Map<string, SharedObject[]>();
  for (const object of objects) {
    for (const name of namesOf(object)) append(providers, name, object);
    for (const name of neededBy(object)) append(needers, name, object);
  }
  const elsewhere = new Set([...needers.keys()].filter(isElsewhere));
  const soundCounts = new Map([...providers].map(([name, { length }]) => [name, length]));
  const broken = new Set<SharedObject>();
  const lost = [...needers.keys()].filter((name) => !elsewhere.has(name) && !providers.has(name));
  for (let name = lost.pop(); name !== undefined; name = lost.pop()) {
    for (const object of needers.get(name) ?? []) {
      if (broken.has(object)) continue;
      broken.add(object);
      for (const own of namesOf(object)) {
        const left = soundCounts.get(own)! - 1;
        soundCounts.set(own, left);
        if (left === 0 && !elsewhere.has(own)) lost.push(own);
      }
    }
  }
  const missing = (roots: Iterable<SharedObject>) => {
    const names = new Set<string>();
    const seen = new Set(roots);
    // A set gives what is added while it is walked.
    for (const object of seen) {
      if (!broken.has(object)) continue;
      for (const name of neededBy(object)) {
        if (elsewhere.has(name) || soundCounts.get(name)! > 0) continue;
        if (!providers.has(name)) names.add(name);
        for (const provider of providers.get(name) ?? []) seen.add(provider);
      }
    }
    return [...names].sort();
  };
  return { canLoad: (object) => !broken.has(object), missing };
}

function namesOf({ path, soname }: SharedObject): Set<string> {
  return new Set([fileName(path), ...(soname === undefined ? [] : [fileName(soname)])]);
}

/** A name with a slash is a path to the loader; its last part says enough here. */
function neededBy({ needed }: SharedObject): Set<string> {
  return new Set(needed.map(fileName));
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function append(map: Map<string, SharedObject[]>, name: string, object: SharedObject): void {
  const list = map.get(name);
  if (list === undefined) map.set(name, [object]);
  else list.push(object);
}
