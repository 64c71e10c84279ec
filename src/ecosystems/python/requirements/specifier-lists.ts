import { usageError } from "../../../errors.ts";
import type { UrlCredentials } from "../index/credentials.ts";
import { parseSpecifier } from "../standards/specifier.ts";
import { isProject, readRequirement } from "./requirement-location.ts";
import { isTable, placeOfField, stringIn, stringsIn, type TomlTable, tableIn } from "./toml-fields.ts";
import { type WantedRequirement, wantedRequirement } from "./wanted.ts";

export type SpecifierContext = {
  /** Absolute: where relative paths begin. */
  readonly directory: string;
  readonly credentials: UrlCredentials[];
  /** The `[tool.uv]` table whose `sources` apply. */
  readonly sources: TomlTable | undefined;
};

/** The specifiers of an array of strings; none when it is absent. @throws CambiumError as `wantedSpecifier`. */
export function readSpecifiers(
  table: TomlTable,
  key: string,
  context: SpecifierContext,
): WantedRequirement[] {
  const where = placeOfField(table, key);
  return (stringsIn(table, key) ?? []).map((text) => wantedSpecifier(text, where, context));
}

/**
 * One PEP 508 specifier, with what uv's `sources` say of it.
 * @throws CambiumError (exit 2) `REQUIREMENT_SOURCE` for a source that must be built; as `readRequirement`.
 */
export function wantedSpecifier(text: string, where: string, context: SpecifierContext): WantedRequirement {
  const place = { where, directories: [context.directory], credentials: context.credentials };
  // Arrays of specifiers hold no bare paths, so that only a URL after "@" is looked at.
  const wanted = text.includes("@")
    ? readRequirement(text, place)
    : wantedRequirement(text, where, context.credentials);
  if (isProject(wanted))
    throw usageError("REQUIREMENT_DIRECTORY", `${where}: not a specifier: ${wanted.path}`);
  return fromSource(wanted, context);
}

function fromSource(wanted: WantedRequirement, context: SpecifierContext): WantedRequirement {
  const { name, extras, marker } = wanted.requirement;
  const sources = context.sources === undefined ? undefined : tableIn(context.sources, "sources");
  const key = Object.keys(sources?.values ?? {}).find(
    (text) => text.toLowerCase().replace(/[-_.]+/g, "-") === name,
  );
  if (sources === undefined || key === undefined) return wanted;
  const value = sources.values[key];
  const entries = (Array.isArray(value) ? value : [value]).filter(isTable);
  if (entries.length > 0 && entries.every(({ index }) => typeof index === "string")) return wanted;
  const [entry] = entries;
  const location = entry === undefined ? undefined : (entry.url ?? entry.path);
  const where = placeOfField(sources, key);
  if (
    entries.length !== 1 ||
    typeof location !== "string" ||
    !/\.whl$/i.test(location.replace(/[?#].*$/s, ""))
  ) {
    const kind = Object.keys(entry ?? {}).find((word) => ["git", "path", "workspace", "url"].includes(word));
    throw usageError(
      "REQUIREMENT_SOURCE",
      `${where}: ${name} comes from a source that must be built first (${kind ?? "unknown"})`,
      "Build a wheel of it and name that file as path, or an index that has it.",
    );
  }
  const place = { where, directories: [context.directory], credentials: context.credentials };
  const bracketed = extras.length === 0 ? "" : `[${extras.join(",")}]`;
  const located = readRequirement(`${name}${bracketed} @ ${location}`, place);
  if (isProject(located)) return wanted;
  return { ...located, requirement: { ...located.requirement, ...(marker === undefined ? {} : { marker }) } };
}

/** `requires-python` of a table. @throws CambiumError `SPECIFIER_SYNTAX`. */
export function checkedRequiresPython(table: TomlTable): string | undefined {
  const text = stringIn(table, "requires-python");
  if (text !== undefined) parseSpecifier(text, placeOfField(table, "requires-python"));
  return text;
}
