import { usageError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import type { Text } from "./instructions.ts";
import type { Statement } from "./statements.ts";

/** `list`: may stand more than once. */
type FlagKind = "boolean" | "text" | "list";
type FlagTable = Readonly<Record<string, FlagKind>>;

export type Flags<Table extends FlagTable> = {
  readonly text: (name: keyof Table & string) => Text | undefined;
  readonly list: (name: keyof Table & string) => readonly Text[];
  /** Undefined where the flag does not stand. */
  readonly boolean: (name: keyof Table & string) => boolean | undefined;
};

/**
 * The flags of an instruction, held to those it knows.
 * @throws CambiumError `DOCKERFILE_FLAG`.
 */
export function readFlags<const Table extends FlagTable>(statement: Statement, table: Table): Flags<Table> {
  const found = new Map<string, Text[]>();
  for (const flag of statement.flags) {
    const where = statement.line.where(flag.at);
    const equals = flag.text.indexOf("=");
    const written = equals === -1 ? flag.text : flag.text.slice(0, equals);
    const name = written.slice(2);
    const kind = Object.hasOwn(table, name) ? table[name] : undefined;
    if (kind === undefined) throw unknownFlag(statement, written, Object.keys(table), where);
    const before = found.get(name) ?? [];
    if (before.length > 0 && kind !== "list") {
      throw usageError("DOCKERFILE_FLAG", `${where}: ${written} stands twice`);
    }
    const value = equals === -1 ? undefined : flag.text.slice(equals + 1);
    found.set(name, [...before, { text: checkedValue(kind, written, value, where), where }]);
  }
  return {
    text: (name) => found.get(name)?.[0],
    list: (name) => found.get(name) ?? [],
    boolean: (name) => {
      const value = found.get(name)?.[0];
      return value === undefined ? undefined : value.text === "true";
    },
  };
}

function checkedValue(kind: FlagKind, written: string, value: string | undefined, where: string): string {
  if (kind !== "boolean") {
    if (value !== undefined) return value;
    throw usageError("DOCKERFILE_FLAG", `${where}: ${written} has no value`, `Write ${written}=VALUE.`);
  }
  const text = value?.toLowerCase() ?? "true";
  if (text === "true" || text === "false") return text;
  throw usageError(
    "DOCKERFILE_FLAG",
    `${where}: ${written} is true or false, not ${JSON.stringify(value)}`,
    `Write ${written} or ${written}=false.`,
  );
}

function unknownFlag(statement: Statement, written: string, known: readonly string[], where: string): Error {
  const instruction = statement.instruction.text.toUpperCase();
  const flags = known.map((name) => `--${name}`);
  const near = nearest(written, flags);
  const meant = near === undefined ? "" : `Did you mean ${near}? `;
  return usageError(
    "DOCKERFILE_FLAG",
    `${where}: ${instruction} has no flag ${JSON.stringify(written)}`,
    known.length === 0 ? `${instruction} takes no flags.` : `${meant}Known: ${flags.join(", ")}.`,
  );
}
