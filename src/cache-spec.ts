import { resolve } from "node:path";
import { csvFields } from "./csv.ts";
import { usageError } from "./errors.ts";
import { nearest } from "./nearest.ts";

/** A place that caches travel through, as people write it. */
export type CachePlaceSpec =
  | { readonly kind: "registry"; readonly reference: string }
  /** As written, or absolute once it was resolved. */
  | { readonly kind: "folder"; readonly path: string };

/** `--cache-from`, or `from` of a section. */
export type CacheFromSpec = {
  readonly place: CachePlaceSpec;
  /** Only for these stages. Absent: for all. */
  readonly stages?: readonly string[];
};

/** `--cache-to`, or `to` of a section. */
export type CacheToSpec = CacheFromSpec & {
  /** Which cache mounts go along: by id or name. */
  readonly mounts: "all" | "none" | readonly string[];
  /** `min`: only layers of the image; `max`: those of all its stages too. */
  readonly mode: "min" | "max";
};

/** What buildx also takes there, and what changes nothing here. */
const WITHOUT_EFFECT = new Set([
  ...["compression", "compression-level", "force-compression", "image-manifest", "oci-mediatypes"],
  ...["ignore-error"],
]);
const ELSEWHERE: Readonly<Record<string, string>> = {
  inline: "What an image was built from stands beside it with every --push; nothing need be said.",
  gha: "Write a folder (type=local,dest=DIR) and let the CI system keep that.",
  s3: "Write a folder (type=local,dest=DIR) and copy that, or use a registry.",
  azblob: "Write a folder (type=local,dest=DIR) and copy that, or use a registry.",
};

/**
 * One `--cache-from`: `type=registry,ref=…`, `type=local,src=…`, a reference or a folder (`./…`, `/…`); with `stage=NAME`
 * behind it, as often as need be, only for those stages.
 * @param where the flag or key, for messages
 * @throws CambiumError `CACHE_SYNTAX`, `CSV_SYNTAX`.
 */
export function parseCacheFrom(text: string, where: string): CacheFromSpec {
  const { place, stages } = parseFields(text, where, "src", ["stage"]);
  return { place, ...(stages.length > 0 && { stages }) };
}

/** One `--cache-to`: as `parseCacheFrom` with `dest=…`, and `mounts=all|none|ID,ID…`, `mode=min|max`. @throws as that. */
export function parseCacheTo(text: string, where: string): CacheToSpec {
  const { place, stages, mounts, mode } = parseFields(text, where, "dest", ["stage", "mounts", "mode"]);
  return { place, mounts: mountChoice(mounts, text, where), mode, ...(stages.length > 0 && { stages }) };
}

/** With the folder made absolute. */
export function resolvedSpec<Spec extends CacheFromSpec>(spec: Spec, from: string): Spec {
  const { place } = spec;
  return place.kind === "registry"
    ? spec
    : { ...spec, place: { kind: "folder", path: resolve(from, place.path) } };
}

type Fields = {
  readonly place: CachePlaceSpec;
  readonly stages: readonly string[];
  readonly mounts: readonly string[];
  readonly mode: "min" | "max";
};

function parseFields(
  text: string,
  where: string,
  folderKey: "src" | "dest",
  known: readonly string[],
): Fields {
  const pairs = new Map<string, string>();
  const stages: string[] = [];
  const mounts: string[] = [];
  let bare: string | undefined;
  let last = "";
  for (const [at, field] of csvFields(text, where).entries()) {
    const equals = field.indexOf("=");
    const key = field.slice(0, Math.max(0, equals)).trim().toLowerCase();
    const value = field.slice(equals + 1);
    if (key === "") {
      // Ids of mounts are paths.
      if (last === "mounts") mounts.push(field);
      else if (at === 0 && field !== "") bare = field;
      else throw syntax(`not key=value: ${JSON.stringify(field)}`, text, where);
      continue;
    }
    last = key;
    if (!["type", "ref", folderKey, ...known].includes(key) && !WITHOUT_EFFECT.has(key)) {
      const near = nearest(key, ["type", "ref", folderKey, ...known]);
      throw syntax(`unknown key ${JSON.stringify(key)}`, text, where, near && `Did you mean ${near}?`);
    }
    if (key === "stage") stages.push(value);
    else if (key === "mounts") mounts.push(value);
    else if (pairs.has(key)) throw syntax(`${key} stands twice`, text, where);
    else pairs.set(key, value);
  }
  const mode = pairs.get("mode") ?? "max";
  if (mode !== "min" && mode !== "max")
    throw syntax(`mode ${JSON.stringify(mode)} is neither min nor max`, text, where);
  return { place: placeOf(bare, pairs, folderKey, text, where), stages, mounts, mode };
}

function placeOf(
  bare: string | undefined,
  pairs: ReadonlyMap<string, string>,
  folderKey: string,
  text: string,
  where: string,
): CachePlaceSpec {
  const [type, reference, path] = [pairs.get("type"), pairs.get("ref"), pairs.get(folderKey)];
  if (bare !== undefined) {
    if ((type ?? reference ?? path) !== undefined) throw syntax("it names two places", text, where);
    return isFolder(bare) ? { kind: "folder", path: bare } : { kind: "registry", reference: bare };
  }
  if (type === "registry") {
    if (reference === undefined || reference === "") throw syntax("ref is missing", text, where);
    return { kind: "registry", reference };
  }
  if (type === "local") {
    if (path === undefined || path === "") throw syntax(`${folderKey} is missing`, text, where);
    return { kind: "folder", path };
  }
  const problem = type === undefined ? "type is missing" : `unknown type ${JSON.stringify(type)}`;
  throw syntax(problem, text, where, type === undefined ? undefined : ELSEWHERE[type]);
}

/** As a shell tells a path from a name. */
function isFolder(text: string): boolean {
  return /^(?:\.{1,2}(?:\/|$)|\/)/.test(text);
}

function mountChoice(mounts: readonly string[], text: string, where: string): CacheToSpec["mounts"] {
  const ids = [...new Set(mounts)];
  if (ids.length === 0) return "all";
  const [only] = ids;
  if (ids.length === 1 && (only === "all" || only === "none")) return only;
  if (ids.some((id) => id === "all" || id === "none" || id === ""))
    throw syntax("mounts is all, none, or ids", text, where);
  return ids;
}

function syntax(problem: string, text: string, where: string, hint?: string): Error {
  return usageError(
    "CACHE_SYNTAX",
    `${where}: ${problem}: ${JSON.stringify(text)}`,
    hint ??
      "Write a reference, ./FOLDER, type=registry,ref=REFERENCE or type=local with src= or dest=FOLDER.",
  );
}
