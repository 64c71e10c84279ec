import { usageError } from "../../../errors.ts";
import { parseProjectName } from "../name.ts";
import { readSpecifiers, type SpecifierContext, wantedSpecifier } from "./specifier-lists.ts";
import { isTable, placeOfField, type TomlTable, tableIn, wrongType } from "./toml-fields.ts";
import type { WantedRequirement } from "./wanted.ts";

/**
 * One group of `[dependency-groups]` with those it includes (PEP 735), or uv's older `dev-dependencies` as group `dev`.
 * `uv` is the `[tool.uv]` table, if there is one.
 * @throws CambiumError (exit 2) `GROUP_UNKNOWN`, `GROUP_LOOP`, `SETTING_TYPE`, and as `wantedSpecifier`.
 */
export function readDependencyGroup(
  root: TomlTable,
  uv: TomlTable | undefined,
  group: string,
  context: SpecifierContext,
): WantedRequirement[] {
  const groups = tableIn(root, "dependency-groups");
  const keys = new Map<string, string>();
  for (const key of Object.keys(groups?.values ?? {})) {
    const name = parseProjectName(key, placeOfField(groups!, key));
    const other = keys.get(name);
    if (other !== undefined)
      throw usageError("GROUP_UNKNOWN", `${placeOfField(groups!, key)} repeats ${other}`);
    keys.set(name, key);
  }
  const read = (text: string, where: string, stack: readonly string[]): WantedRequirement[] => {
    const name = parseProjectName(text, where);
    if (stack.includes(name)) {
      throw usageError("GROUP_LOOP", `${where}: the group includes itself: ${[...stack, name].join(" -> ")}`);
    }
    const key = keys.get(name);
    const older = name === "dev" && uv?.values["dev-dependencies"] !== undefined ? uv : undefined;
    if (key === undefined && older === undefined) throw unknownGroup(text, where, [...keys.keys()]);
    const found = older === undefined ? [] : readSpecifiers(older, "dev-dependencies", context);
    if (key === undefined) return found;
    const entries = groups!.values[key];
    const place = placeOfField(groups!, key);
    if (!Array.isArray(entries)) throw wrongType(groups!, key, "an array");
    for (const entry of entries as unknown[]) {
      if (typeof entry === "string") found.push(wantedSpecifier(entry, place, context));
      else if (
        isTable(entry) &&
        typeof entry["include-group"] === "string" &&
        Object.keys(entry).length === 1
      ) {
        found.push(...read(entry["include-group"], place, [...stack, name]));
      } else throw wrongType(groups!, key, 'an array of specifiers and { include-group = "…" }');
    }
    return found;
  };
  return read(group, `--group ${group}`, []);
}

function unknownGroup(group: string, where: string, known: readonly string[]) {
  return usageError(
    "GROUP_UNKNOWN",
    `${where}: there is no dependency group ${JSON.stringify(group)}`,
    known.length === 0 ? "The file has no [dependency-groups]." : `It has: ${known.join(", ")}.`,
  );
}
