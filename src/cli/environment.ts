import { isAbsolute, join, resolve } from "node:path";
import { environmentError, usageError } from "../errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Where the store is: `CAMBIUM_ROOT`, else `cambium` in the user's cache folder.
 * (XDG Base Directory Specification: a relative `XDG_CACHE_HOME` is invalid and to be ignored.)
 * @throws CambiumError `STORE_UNKNOWN` when nothing names a place.
 */
export function storeRootFrom(env: Env, cwd: string, homeDir: string): string {
  const named = nonEmpty(env.CAMBIUM_ROOT);
  if (named !== undefined) return resolve(cwd, named);
  const cache = nonEmpty(env.XDG_CACHE_HOME);
  if (cache !== undefined && isAbsolute(cache)) return join(cache, "cambium");
  const home = nonEmpty(env.HOME) ?? nonEmpty(homeDir);
  if (home === undefined || !isAbsolute(home)) {
    throw environmentError(
      "STORE_UNKNOWN",
      `no place for the store: HOME is ${JSON.stringify(env.HOME ?? "")}`,
      "Set CAMBIUM_ROOT to a folder that cambium may fill.",
    );
  }
  return join(home, ".cache", "cambium");
}

/** The last second of the year 9999: later ones have no RFC 3339 form, which an image config needs. */
const latestEpoch = 253_402_300_799;

/**
 * `SOURCE_DATE_EPOCH` in seconds (reproducible-builds.org, SOURCE_DATE_EPOCH specification); empty counts as not set.
 * @throws CambiumError `SOURCE_DATE_EPOCH_SYNTAX`: a wrong value must not pass as "now".
 */
export function sourceDateEpochFrom(env: Env): number | undefined {
  const text = nonEmpty(env.SOURCE_DATE_EPOCH);
  if (text === undefined) return undefined;
  const seconds = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= latestEpoch)) {
    throw usageError(
      "SOURCE_DATE_EPOCH_SYNTAX",
      `SOURCE_DATE_EPOCH: not a number of seconds since 1970: ${JSON.stringify(text)}`,
      "Write whole seconds, as in $(git log -1 --format=%ct), or unset it.",
    );
  }
  return seconds;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : text;
}
