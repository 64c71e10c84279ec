import { usageError } from "../../errors.ts";
import { listOf, syntaxError } from "./arguments.ts";
import { type Flags, readFlags } from "./flags.ts";
import { heredocText, parseHeredocMark } from "./heredocs.ts";
import type { CopyInstruction, CopySource, Text } from "./instructions.ts";
import type { Statement } from "./statements.ts";

const COMMON = { chown: "text", chmod: "text", link: "boolean", exclude: "list" } as const;
const OF_COPY = { ...COMMON, from: "text", parents: "boolean" } as const;
const OF_ADD = { ...COMMON, "keep-git-dir": "boolean", checksum: "text", unpack: "boolean" } as const;

/** COPY and ADD: sources, which may be heredocs, and a destination. */
export function parseCopy(statement: Statement, isAdd: boolean): CopyInstruction {
  const words = listOf(statement, statement.rest);
  const destination = words.at(-1);
  if (destination === undefined || words.length < 2) {
    throw syntaxError(statement, "needs a source and a destination", "Write COPY SOURCE... DESTINATION.");
  }
  const own = isAdd ? flagsOfAdd(statement) : flagsOfCopy(statement);
  if (isMark(destination.text)) {
    throw usageError(
      "DOCKERFILE_SYNTAX",
      `${destination.where}: a heredoc cannot be the destination: ${JSON.stringify(destination.text)}`,
    );
  }
  return {
    kind: "copy",
    isAdd,
    sources: words.slice(0, -1).map((word) => sourceOf(statement, word)),
    destination,
    ...own,
  };
}

type OfFlags = Omit<CopyInstruction, "kind" | "isAdd" | "sources" | "destination">;

function flagsOfCopy(statement: Statement): OfFlags {
  const flags = readFlags(statement, OF_COPY);
  const from = given("from", flags.text("from"));
  return { ...commonFlags(flags), ...from, keepsParents: flags.boolean("parents") === true };
}

function flagsOfAdd(statement: Statement): OfFlags {
  const flags = readFlags(statement, OF_ADD);
  const keepsGitFolder = flags.boolean("keep-git-dir");
  const isUnpacked = flags.boolean("unpack");
  return {
    ...commonFlags(flags),
    ...given("checksum", flags.text("checksum")),
    keepsParents: false,
    ...(keepsGitFolder !== undefined && { keepsGitFolder }),
    ...(isUnpacked !== undefined && { isUnpacked }),
  };
}

function commonFlags(flags: Pick<Flags<typeof COMMON>, "text" | "list" | "boolean">) {
  return {
    ...given("chown", flags.text("chown")),
    ...given("chmod", flags.text("chmod")),
    isLinked: flags.boolean("link") === true,
    exclude: flags.list("exclude").map(({ text }) => text),
  };
}

/** An empty value is as none. */
function given<Name extends string>(name: Name, flag: Text | undefined): { [Key in Name]?: Text } {
  return flag === undefined || flag.text === "" ? {} : ({ [name]: flag } as { [Key in Name]?: Text });
}

function sourceOf(statement: Statement, word: Text): CopySource {
  const mark = parseHeredocMark(word.text);
  if (mark === undefined || "problem" in mark) return { kind: "path", ...word };
  // Of two with one name, the last is both.
  const heredoc = statement.heredocs.findLast(({ name }) => name === mark.name);
  const body = heredocText({ body: heredoc?.body ?? "", dropsTabs: mark.dropsTabs });
  return {
    kind: "heredoc",
    name: mark.name,
    body: { text: body, where: word.where },
    isExpanded: mark.isExpanded,
  };
}

function isMark(text: string): boolean {
  const mark = parseHeredocMark(text);
  return mark !== undefined && !("problem" in mark);
}
