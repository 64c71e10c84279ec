import { createHash } from "node:crypto";
import { parse } from "smol-toml";
import { usageError } from "../../../errors.ts";
import { comparePaths } from "../../../layer/entry.ts";
import { readToml } from "./toml.ts";

/** What a lock says of itself. */
export type PoetryMetadata = {
  readonly lockVersion: string;
  readonly contentHash: string | undefined;
  readonly generator: string;
};

const LEGACY_KEYS = ["dependencies", "source", "extras", "dev-dependencies"];
const PROJECT_KEYS = ["requires-python", "dependencies", "optional-dependencies"];

type Table = { readonly [key: string]: unknown };

/**
 * Holds a lock to the `pyproject.toml` beside it, by Poetry's own digest of the parts that matter to it.
 * @throws CambiumError `LOCK_STALE`.
 */
export function assertPoetryFresh(metadata: PoetryMetadata, pyproject: string, where: string): void {
  // Reports errors of syntax; what is hashed must keep `1` and `1.0` apart, as Python does.
  const { text } = readToml(pyproject, "pyproject.toml");
  const table = parse(text, { integersAsBigInt: true, maxDepth: 64, unsafeKeyBehaviour: "throw" });
  const contents = relevantContents(table, metadata);
  const { contentHash } = metadata;
  const isFresh = contents.some(
    (content) => createHash("sha256").update(pythonJson(content)).digest("hex") === contentHash,
  );
  if (isFresh) return;
  throw usageError(
    "LOCK_STALE",
    `${where} does not fit pyproject.toml: its content-hash is ${contentHash ?? "missing"}`,
    "Run `poetry lock`, then build again.",
  );
}

/** What Poetry would have hashed; its versions differ, and a lock tells its format and its writer. */
function relevantContents(pyproject: Table, { lockVersion, generator }: PoetryMetadata): Table[] {
  const poetry = subtable(subtable(pyproject, "tool"), "poetry");
  // Poetry 1.0 and 1.1 had no groups; 1.2 wrote lock-version 1.1, too, and hashed them.
  if (lockVersion.startsWith("1.")) return [pick(poetry, LEGACY_KEYS, true), withGroups(poetry)];
  const project = pick(subtable(pyproject, "project"), PROJECT_KEYS, false);
  const groups = subtable(pyproject, "dependency-groups");
  const contents = [modernContent(poetry, project, groups)];
  // Dependency groups (PEP 735) are part of the digest since Poetry 2.3; Poetry 1 knew no [project] either.
  const [major = 9, minor = 9] = generator.split(".").map(Number);
  if (major < 2 || (major === 2 && minor < 3)) contents.push(modernContent(poetry, project, {}));
  if (major < 2) contents.push(withGroups(poetry));
  return contents;
}

function modernContent(poetry: Table, project: Table, groups: Table): Table {
  if (isEmpty(project) && isEmpty(groups)) return withGroups(poetry);
  return {
    ...(isEmpty(project) ? {} : { project }),
    ...(isEmpty(groups) ? {} : { "dependency-groups": groups }),
    tool: { poetry: pick(poetry, [...LEGACY_KEYS, "group"], false) },
  };
}

function withGroups(poetry: Table): Table {
  return { ...pick(poetry, LEGACY_KEYS, true), ...pick(poetry, ["group"], false) };
}

/** Some keys of a table; absent ones as `null` where Poetry's digest has them so. */
function pick(table: Table, keys: readonly string[], withAbsent: boolean): Table {
  return Object.fromEntries(
    keys.flatMap((key) => (table[key] === undefined && !withAbsent ? [] : [[key, table[key] ?? null]])),
  );
}

function isEmpty(table: Table): boolean {
  return Object.keys(table).length === 0;
}

function subtable(table: Table, key: string): Table {
  const value = table[key];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Table) : {};
}

/** The text that Python's `json.dumps(…, sort_keys=True)` gives: a space after `,` and `:`, only ASCII. */
export function pythonJson(value: unknown): string {
  if (value === null || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isInteger(value) ? value.toFixed(1) : String(value);
  if (typeof value === "string") {
    return JSON.stringify(value).replace(
      /[^ -~]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  }
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value !== "object") throw new TypeError(`not TOML data: ${typeof value}`);
  const members = Object.entries(value).sort(([a], [b]) => comparePaths(a, b));
  return `{${members.map(([key, member]) => `${pythonJson(key)}: ${pythonJson(member)}`).join(", ")}}`;
}
