/** Linux follows 40 links at most in one path (path_resolution(7)). */
export const MAX_LINKS = 40;

/**
 * Where a path leads when the root is `/`, so that no link leads out of it: a path as in `Entry`, `""` for the root.
 * `targetOf` gives the text of the symlink at a path whose parents are real, and undefined for what is no symlink, there
 * or not. Undefined when the links go in a circle.
 */
export function resolveLinks(
  path: string,
  targetOf: (path: string) => string | undefined,
): string | undefined {
  const rest = path.split("/").reverse();
  const trail = [""];
  let followed = 0;
  while (rest.length > 0) {
    const part = rest.pop()!;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const parent = trail.at(-1)!;
    const here = parent === "" ? part : `${parent}/${part}`;
    const target = targetOf(here);
    if (target === undefined) {
      trail.push(here);
      continue;
    }
    if (++followed > MAX_LINKS) return undefined;
    if (target.startsWith("/")) trail.length = 1;
    rest.push(...target.split("/").reverse());
  }
  return trail.at(-1)!;
}
