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
  const paths = bounded(told, (conflict): MergeWarning => {
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
  const versions = bounded(
    packages,
    ({ name, was, is }): MergeWarning => ({
      code: "MERGE_PACKAGES",
      message: `package ${name} is ${was} below and ${is} in ${added}: the status says ${is}`,
    }),
  );
  return [...paths, ...bounded(accountWarnings, (warning) => warning), ...versions];
}

function lossOf({ lostPaths }: PathConflict): string {
  return lostPaths === 0 ? "" : `; ${lostPaths} paths below it are gone`;
}

/** Of what is not shown no warning is made: that looks for the owner of a path. */
function bounded<Item>(items: readonly Item[], warningOf: (item: Item) => MergeWarning): MergeWarning[] {
  const shown = items.slice(0, MAX_LINES).map(warningOf);
  const rest = items.length - shown.length;
  if (rest === 0) return shown;
  const { code } = shown[0]!;
  return [...shown, { code, message: `and ${rest} more of these` }];
}
