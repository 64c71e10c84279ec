import { parse, TomlError } from "smol-toml";
import { usageError } from "../../../errors.ts";

/** A table of a TOML file that people write, with what messages need. Fields are checked when they are asked for. */
export type TomlTable = {
  readonly values: Readonly<Record<string, unknown>>;
  /** The file as the user knows it. */
  readonly file: string;
  /** Keys from the root to this table. */
  readonly path: readonly string[];
  readonly text: string;
};

/** @throws CambiumError (exit 2) `SETTINGS_SYNTAX` with line and column. */
export function parseTomlFile(text: string, file: string): TomlTable {
  const body = text.replace(/^\uFEFF/, "");
  try {
    const values = parse(body, { maxDepth: 64, unsafeKeyBehaviour: "throw" });
    return { values, file, path: [], text: body };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n", 1)[0]!.replace(/^Invalid TOML document: /, "");
    throw usageError(
      "SETTINGS_SYNTAX",
      `${file}:${error.line}:${error.column}: not TOML: ${reason}`,
      undefined,
      error,
    );
  }
}

/** File, line if it can be found, and key: `pyproject.toml:12: tool.uv.index`. */
export function placeOfField(table: TomlTable, key: string): string {
  const line = lineOf(table, key);
  const field = [...table.path, key].filter((part) => part !== "").join(".");
  return `${table.file}${line === undefined ? "" : `:${line}`}: ${field}`;
}

/** The table below `key`; undefined when it is absent. @throws CambiumError `SETTING_TYPE`. */
export function tableIn(table: TomlTable, key: string): TomlTable | undefined {
  const value = table.values[key];
  if (value === undefined) return undefined;
  if (!isTable(value)) throw wrongType(table, key, "a table");
  return { ...table, values: value, path: [...table.path, key] };
}

/** The tables of an array of tables; undefined when it is absent. @throws CambiumError `SETTING_TYPE`. */
export function tablesIn(table: TomlTable, key: string): TomlTable[] | undefined {
  const value = table.values[key];
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw wrongType(table, key, "an array of tables");
  return value.map((entry: unknown) => {
    if (!isTable(entry)) throw wrongType(table, key, "an array of tables");
    return { ...table, values: entry, path: [...table.path, key] };
  });
}

/** @throws CambiumError `SETTING_TYPE`. */
export function stringIn(table: TomlTable, key: string): string | undefined {
  const value = table.values[key];
  // Dates need no quotes in TOML.
  if (value instanceof Date) return String((value as { toISOString(): string }).toISOString());
  if (value === undefined || typeof value === "string") return value;
  throw wrongType(table, key, "a string");
}

/** @throws CambiumError `SETTING_TYPE`. */
export function booleanIn(table: TomlTable, key: string): boolean | undefined {
  const value = table.values[key];
  if (value === undefined || typeof value === "boolean") return value;
  throw wrongType(table, key, "true or false");
}

/** @throws CambiumError `SETTING_TYPE`. */
export function stringsIn(table: TomlTable, key: string): string[] | undefined {
  const value = table.values[key];
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value;
  throw wrongType(table, key, "an array of strings");
}

/** One of `choices`. @throws CambiumError `SETTING_TYPE`. */
export function choiceIn<T extends string>(
  table: TomlTable,
  key: string,
  choices: readonly T[],
): T | undefined {
  const value = stringIn(table, key);
  if (value === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === value);
  if (choice !== undefined) return choice;
  throw wrongType(table, key, `one of ${choices.join(", ")}`);
}

export function wrongType(table: TomlTable, key: string, expected: string) {
  return usageError("SETTING_TYPE", `${placeOfField(table, key)} is not ${expected}`, `Write ${expected}.`);
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The first line after the table's header that begins with the key: people write one key a line. */
function lineOf({ text, path }: TomlTable, key: string): number | undefined {
  const lines = text.split("\n");
  const header =
    path.length === 0 ? 0 : lines.findIndex((line) => /^\s*\[/.test(line) && sameKeys(line, path));
  const escaped = key.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const isKey = new RegExp(`^\\s*["']?${escaped}["']?\\s*[=.]`);
  for (let index = Math.max(header, 0); index < lines.length; index += 1) {
    const line = lines[index]!;
    if (isKey.test(line) || (/^\s*\[/.test(line) && sameKeys(line, [...path, key]))) return index + 1;
  }
  return header > 0 ? header + 1 : undefined;
}

function sameKeys(header: string, path: readonly string[]): boolean {
  const inner = /^\s*\[+([^\]]*)\]+/.exec(header)?.[1];
  const keys = inner?.split(".").map((key) => key.trim().replace(/^["']|["']$/g, ""));
  return keys !== undefined && keys.join(".") === path.join(".");
}
