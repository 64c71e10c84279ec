import { distance } from "fastest-levenshtein";
import { usageError } from "../errors.ts";
import { comparePaths } from "../layer/entry.ts";
import type { ExcludedPath } from "./walk.ts";

/** Where a source was looked for: `where` as in `the build context /home/me/app`. */
export type Searched = {
  readonly where: string;
  readonly paths: readonly { readonly path: string }[];
  readonly excluded: readonly ExcludedPath[];
};

/** Tells what is near a source that is not there, or which rule took it out; `written` is how the user named `name`. */
export function missingSource(searched: Searched, name: string, written: string): Error {
  const excluded = searched.excluded.find(({ path }) => name === path || name.startsWith(`${path}/`));
  if (excluded !== undefined) {
    return usageError(
      "COPY_SOURCE_MISSING",
      `copy: ${written} is in the folder, but ${excluded.by} excludes ${excluded.path}`,
      `Add !${name} to .dockerignore, or change that line.`,
    );
  }
  const near = nearest(searched.paths, name);
  return usageError(
    "COPY_SOURCE_MISSING",
    `copy: ${written} is not in ${searched.where}`,
    near.length === 0 ? "Nothing is there." : `There is ${near.join(", ")}.`,
  );
}

/** Up to five names from the deepest directory of `name` that exists, the most alike first. */
function nearest(paths: readonly { readonly path: string }[], name: string): string[] {
  const parent = name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : "";
  const siblings = paths.filter(({ path }) => {
    const cut = path.lastIndexOf("/");
    return (cut === -1 ? "" : path.slice(0, cut)) === parent;
  });
  if (siblings.length === 0 && parent !== "") return nearest(paths, parent);
  const score = (path: string) => distance(path.toLowerCase(), name.toLowerCase());
  return siblings
    .map(({ path }) => path)
    .sort((a, b) => score(a) - score(b) || comparePaths(a, b))
    .slice(0, 5);
}
