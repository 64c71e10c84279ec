import { parse, TomlError } from "smol-toml";
import type { z } from "zod";
import { type CambiumError, usageError } from "../../../errors.ts";

/** The largest lock files seen have some 5 MB. */
const MAX_CHARACTERS = 64 * 1024 * 1024;

/** A parsed file with its text, from which lines are found. `where` is the file's name as the user knows it. */
export type TomlFile = {
  readonly where: string;
  readonly text: string;
  readonly table: Record<string, unknown>;
  /** Lines of the headers `[[key]]`, found when the first message needs them. */
  readonly headerLines: Map<string, readonly number[]>;
};

/** @throws CambiumError `LOCK_SYNTAX` with file, line and column; `LOCK_LIMIT` for an absurd size. */
export function readToml(text: string, where: string): TomlFile {
  if (text.length > MAX_CHARACTERS) {
    throw usageError("LOCK_LIMIT", `${where}: ${text.length} characters, more than ${MAX_CHARACTERS}`);
  }
  // Editors on Windows put a byte order mark in front, which TOML does not know.
  const body = text.startsWith("\ufeff") ? text.slice(1) : text;
  try {
    const table = parse(body, { maxDepth: 64, unsafeKeyBehaviour: "throw" });
    return { where, text: body, table, headerLines: new Map() };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split("\n", 1)[0]!.replace(/^Invalid TOML document: /, "");
    throw usageError(
      "LOCK_SYNTAX",
      `${where}:${error.line}:${error.column}: not TOML: ${reason}`,
      undefined,
      error,
    );
  }
}

/**
 * The file's content in the shape of `schema`; keys that the schema does not know are left out.
 * @throws CambiumError `LOCK_FIELD` with line, field and what is wrong with it.
 */
export function checkShape<Schema extends z.ZodType>(
  file: TomlFile,
  schema: Schema,
  hint?: string,
): z.output<Schema> {
  const result = schema.safeParse(file.table);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw fieldError(file, issue.path, issue.message, hint);
}

/** An error about one field, whose place is found by counting the headers of its array of tables. */
export function fieldError(
  file: TomlFile,
  path: readonly PropertyKey[],
  message: string,
  hint?: string,
): CambiumError {
  const field = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`)).join("");
  const text = field === "" ? message : `${field.replace(/^\./, "")}: ${message}`;
  return usageError("LOCK_FIELD", `${file.where}${lineSuffix(file, path)}: ${text}`, hint);
}

/** Names an entry of an array of tables for messages: `uv.lock:12`. */
export function placeOf(file: TomlFile, path: readonly PropertyKey[]): string {
  return `${file.where}${lineSuffix(file, path)}`;
}

// The parser keeps no positions. Lock files are written by tools, with each entry under its own header line, so the
// header's line is the best that can be said, and it is near enough.
function lineSuffix(file: TomlFile, path: readonly PropertyKey[]): string {
  const depth = path.findIndex((key) => typeof key === "number");
  const keys = path.slice(0, depth === -1 ? path.length : depth).map(String);
  if (keys.length === 0) return "";
  const line = depth === -1 ? undefined : headerLines(file, keys.join("."))[path[depth] as number];
  if (line !== undefined) return `:${line}`;
  // Not an entry with a header of its own: the key in its table, or the table.
  const lines = file.text.split("\n");
  const last = keys.at(-1)!;
  const table = keys.slice(0, -1).join(".");
  const start = table === "" ? 0 : lines.findIndex((text) => text.startsWith(`[${table}]`));
  const key = start === -1 ? -1 : lines.findIndex((text, i) => i >= start && text.startsWith(`${last} =`));
  const headers = ["[", "[["].flatMap((open) => [`${open}${keys.join(".")}]`, `${open}${keys.join(".")}.`]);
  const header = lines.findIndex((text) => headers.some((start) => text.startsWith(start)));
  const found = key !== -1 ? key : header !== -1 ? header : table === "" ? -1 : start;
  return found === -1 ? "" : `:${found + 1}`;
}

function headerLines(file: TomlFile, key: string): readonly number[] {
  let lines = file.headerLines.get(key);
  if (lines === undefined) {
    const header = `[[${key}]]`;
    lines = file.text.split("\n").flatMap((text, i) => (text.startsWith(header) ? [i + 1] : []));
    file.headerLines.set(key, lines);
  }
  return lines;
}
