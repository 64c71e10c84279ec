import type { PathConflict } from "../../image/land-changes.ts";
import type { MergedTables } from "./merged-tables.ts";

/** Of an event. */
export type MergeWarning = { readonly code: string; readonly message: string };

/** Lines of one kind for one merged stage; more would hide the rest of the log. */
const MAX_LINES = 10;
/** Copies that tools leave of the tables as they were before: nobody misses one. */
const BACKUPS =
  /^(?:etc\/(?:passwd|group|g?shadow)-|var\/lib\/dpkg\/(?:status|diversions|statoverride)-old)$/;

/**
 * What there is to say when a stage has been laid over others.
 * @param ownerOf who has a path below, and `added` who comes: `stage build`
 */
export function mergeWarnings(
  conflicts: readonly PathConflict[],
  { accountWarnings, packages }: Pick<MergedTables, "accountWarnings" | "packages">,
  ownerOf: (path: string) => string,
  added: string,
): MergeWarning[] {
  const told = conflicts.filter(({ path }) => !BACKUPS.test(path));
  const paths = told.map((conflict): MergeWarning => {
    const { path, was, is } = conflict;
    const owner = ownerOf(path);
    return was === is
      ? {
          code: "MERGE_CONFLICT",
          message: `/${path} differs between ${owner} and ${added}: that of ${added} is taken`,
        }
      : {
          code: "MERGE_CONFLICT",
          message: `/${path} is a ${was} in ${owner} and a ${is} in ${added}: the ${is} is taken${lossOf(conflict)}`,
        };
  });
  const versions = packages.map(
    ({ name, was, is }): MergeWarning => ({
      code: "MERGE_PACKAGES",
      message: `package ${name} is ${was} below and ${is} in ${added}: the status says ${is}`,
    }),
  );
  return [paths, accountWarnings, versions].flatMap(bounded);
}

function lossOf({ lostPaths }: PathConflict): string {
  return lostPaths === 0 ? "" : `; ${lostPaths} paths below it are gone`;
}

function bounded(warnings: readonly MergeWarning[]): readonly MergeWarning[] {
  const rest = warnings.length - MAX_LINES;
  if (rest <= 0) return warnings;
  const { code } = warnings[0]!;
  return [...warnings.slice(0, MAX_LINES), { code, message: `and ${rest} more of these` }];
}
