import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, normalize } from "node:path";
import { parse, TomlError } from "smol-toml";
import { messageOf, usageError } from "../../errors.ts";

/** A parsed TOML table, of which nothing is known. */
export type Table = { readonly [key: string]: unknown };

/** A lock of 64 MB has some 100,000 files in it; more is something else by mistake. */
const MAX_BYTES = 64 << 20;

/** A project's folder, read on demand; remembers what was read. */
export type ProjectFiles = {
  readonly root: string;
  /** Names directly in the folder. */
  readonly names: ReadonlySet<string>;
  /** Paths that were read, relative to the folder. */
  readonly read: Set<string>;
};

/** @throws CambiumError `CONTEXT_MISSING` when there is no such folder. */
export function openProject(root: string): ProjectFiles {
  try {
    return { root, names: new Set(readdirSync(root)), read: new Set() };
  } catch (cause) {
    throw usageError(
      "CONTEXT_MISSING",
      `cannot open the project ${root}: ${messageOf(cause)}`,
      "Name a folder.",
      cause,
    );
  }
}

/** The text of a file of the project, or undefined when there is none. @throws CambiumError `PROJECT_UNREADABLE`. */
export function readText(files: ProjectFiles, path: string): string | undefined {
  const full = join(files.root, path);
  try {
    const { size } = statSync(full);
    if (size > MAX_BYTES) {
      throw usageError("PROJECT_UNREADABLE", `${path}: ${size} bytes, more than ${MAX_BYTES}`);
    }
    const text = readFileSync(full, "utf8").replace(/^\uFEFF/, "");
    files.read.add(path);
    return text;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if ((cause as NodeJS.ErrnoException).syscall === undefined) throw cause;
    throw usageError("PROJECT_UNREADABLE", `cannot read ${path}: ${messageOf(cause)}`, undefined, cause);
  }
}

/** @throws CambiumError `TOML_SYNTAX` with line and column. */
export function readToml(files: ProjectFiles, path: string): Table | undefined {
  const text = readText(files, path);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const reason = cause.message.split("\n")[0]!.replace(/^Invalid TOML document: /, "");
    throw usageError(
      "TOML_SYNTAX",
      `${path}:${cause.line}:${cause.column}: not valid TOML: ${reason}`,
      undefined,
      cause,
    );
  }
}

/**
 * A string of a TOML file that a tool wrote, by table and key, without parsing the rest: a lock of 2 MB takes 150 ms
 * to parse, which a no-op build does not have.
 */
export function tomlString(text: string, table: string, key: string): string | undefined {
  const start = table === "" ? 0 : text.search(new RegExp(`^\\[${table}\\]\\s*$`, "m"));
  if (start === -1) return undefined;
  const body = table === "" ? text : text.slice(text.indexOf("\n", start) + 1);
  const end = body.search(/^\[/m);
  const match = new RegExp(`^${key}\\s*=\\s*["']([^"'\\n]*)["']`, "m").exec(
    end === -1 ? body : body.slice(0, end),
  );
  return match?.[1];
}

export function isFile(files: ProjectFiles, path: string): boolean {
  return statSync(join(files.root, path), { throwIfNoEntry: false })?.isFile() === true;
}

export function isDirectory(files: ProjectFiles, path: string): boolean {
  return statSync(join(files.root, path), { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Names in a folder of the project; none when it is not there. */
export function namesIn(files: ProjectFiles, path: string): string[] {
  return isDirectory(files, path) ? readdirSync(join(files.root, path)).sort() : [];
}

/** A path that settings name must stay in the project. */
export function isInside(path: string): boolean {
  return !path.startsWith("/") && normalize(path).split("/")[0] !== "..";
}

/** `table` at a dotted path, empty when it is absent or something else. */
export function tableAt(table: Table | undefined, ...path: string[]): Table {
  let value: unknown = table;
  for (const key of path) value = isTable(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isTable(value) ? value : {};
}

export function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

export function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
