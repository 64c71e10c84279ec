import { usageError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { parseCopy } from "./copy.ts";
import type { Directive, Escape } from "./directives.ts";
import { parseFrom } from "./from.ts";
import { parseHealthcheck } from "./healthcheck.ts";
import type { Instruction, InstructionBody } from "./instructions.ts";
import { parseArg, parsePairs } from "./key-values.ts";
import { parseOnBuild } from "./on-build.ts";
import { parseRun } from "./run.ts";
import { parseCommand, parseOne, parseShell, parseSome } from "./settings.ts";
import { type Place, readStatements, type Statement } from "./statements.ts";

export type ParsedDockerfile = {
  readonly escapeMark: Escape;
  readonly directives: readonly Directive[];
  readonly instructions: readonly Instruction[];
  /** Lines that stand empty between continuation lines. */
  readonly emptyContinuations: readonly { readonly line: number }[];
};

type Parser = (statement: Statement, escapeMark: Escape) => InstructionBody;

const PARSERS: Readonly<Record<string, Parser>> = {
  ADD: (statement) => parseCopy(statement, true),
  ARG: parseArg,
  CMD: (statement) => parseCommand(statement, "cmd"),
  COPY: (statement) => parseCopy(statement, false),
  ENTRYPOINT: (statement) => parseCommand(statement, "entrypoint"),
  ENV: (statement, escapeMark) => parsePairs(statement, escapeMark, "env"),
  EXPOSE: (statement) => parseSome(statement, "expose"),
  FROM: parseFrom,
  HEALTHCHECK: parseHealthcheck,
  LABEL: (statement, escapeMark) => parsePairs(statement, escapeMark, "label"),
  MAINTAINER: (statement) => parseOne(statement, "maintainer"),
  ONBUILD: parseOnBuild,
  RUN: parseRun,
  SHELL: parseShell,
  STOPSIGNAL: (statement) => parseOne(statement, "stopsignal"),
  USER: (statement) => parseOne(statement, "user"),
  VOLUME: (statement) => parseSome(statement, "volume"),
  WORKDIR: (statement) => parseOne(statement, "workdir"),
};

/**
 * The instructions of a Dockerfile, each understood by itself.
 * @throws CambiumError `DOCKERFILE_SYNTAX`, `DOCKERFILE_INSTRUCTION` or `DOCKERFILE_FLAG`, with line and column.
 */
export function parseDockerfile(text: string, place: Place): ParsedDockerfile {
  const { escapeMark, directives, statements } = readStatements(text, place);
  if (statements.length === 0) {
    throw usageError("DOCKERFILE_SYNTAX", `${place(1, 1)}: the file has no instruction`, "Begin with FROM.");
  }
  return {
    escapeMark,
    directives,
    instructions: statements.map((statement) => parseStatement(statement, escapeMark)),
    emptyContinuations: statements.flatMap(({ emptyContinuation: line }) =>
      line === undefined ? [] : [{ line }],
    ),
  };
}

function parseStatement(statement: Statement, escapeMark: Escape): Instruction {
  const { text: written, at } = statement.instruction;
  const where = statement.line.where(at);
  const name = written.toUpperCase();
  const parser = Object.hasOwn(PARSERS, name) ? PARSERS[name] : undefined;
  if (parser === undefined) {
    const near = nearest(name, Object.keys(PARSERS));
    throw usageError(
      "DOCKERFILE_INSTRUCTION",
      `${where}: no instruction: ${JSON.stringify(written)}`,
      near === undefined
        ? "A line that continues the one before needs a backslash there."
        : `Did you mean ${near}?`,
    );
  }
  return {
    line: statement.line.line,
    where,
    written,
    comments: statement.comments,
    ...parser(statement, escapeMark),
  };
}
