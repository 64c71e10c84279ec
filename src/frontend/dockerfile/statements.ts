import { usageError } from "../../errors.ts";
import { type Directive, type Escape, escapeOf, readDirectives } from "./directives.ts";
import { type Heredoc, heredocMarks } from "./heredocs.ts";
import { LineBuilder, type LogicalLine, splitLines, withoutLineBreak } from "./lines.ts";
import { leadingSpace, trim, trimStart } from "./space.ts";
import { parseStrings, type SplitLine, splitInstruction } from "./split.ts";

/** One instruction as it stands in the file, not yet understood. */
export type Statement = SplitLine & {
  readonly line: LogicalLine;
  readonly heredocs: readonly Heredoc[];
  /** Texts of the comments right above it. */
  readonly comments: readonly string[];
  /** Where an empty line stands between continuation lines. */
  readonly emptyContinuation?: number;
};

export type StatementFile = {
  readonly escapeMark: Escape;
  readonly directives: readonly Directive[];
  readonly statements: readonly Statement[];
};

/** Turns a line and column, both from 1, into what messages begin with. */
export type Place = (line: number, column: number) => string;

/** Instructions that take heredocs. */
const WITH_HEREDOC = /^(?:add|copy|run)$/i;

/**
 * A Dockerfile as statements: comments taken out, continuation lines joined, heredocs attached.
 * @throws CambiumError `DOCKERFILE_SYNTAX`.
 */
export function readStatements(text: string, place: Place): StatementFile {
  const lines = splitLines(text);
  const directives = readDirectives(
    lines.map((line) => line.text),
    place,
  );
  const escapeMark = escapeOf(directives, place);
  const continued = continuationOf(escapeMark);
  const statements: Statement[] = [];
  let comments: string[] = [];
  for (let index = 0; index < lines.length; ) {
    const start = index;
    const first = lines[index++]!.text;
    if (isComment(first)) {
      const comment = trim(trimStart(first).slice(1));
      // One without text parts what is above from what follows.
      if (comment === "") comments = [];
      else if (start >= directives.length) comments.push(comment);
      continue;
    }
    const indent = leadingSpace(first);
    const builder = new LineBuilder();
    const head = continued(first.slice(indent));
    if (!head.goesOn && head.text === "") continue;
    builder.add(head.text, start + 1, indent + 1);
    let emptyContinuation: number | undefined;
    for (let goesOn = head.goesOn; goesOn && index < lines.length; ) {
      const next = lines[index++]!.text;
      if (isComment(next)) continue;
      if (trimStart(next) === "") {
        emptyContinuation = index;
        continue;
      }
      const joined = continued(next);
      builder.add(joined.text, index, 1);
      goesOn = joined.goesOn;
    }
    const line = builder.build(place);
    const split = splitInstruction(line.text, escapeMark);
    const heredocs: Heredoc[] = [];
    for (const mark of marksOf(split, line, escapeMark)) {
      const body = readBody(mark.name, mark.dropsTabs, lines, index);
      if (body === undefined) {
        throw usageError(
          "DOCKERFILE_SYNTAX",
          `${line.where(split.instruction.at)}: no line ${JSON.stringify(mark.name)} ends the heredoc`,
        );
      }
      index = body.next;
      heredocs.push({ ...mark, body: body.text });
    }
    statements.push({
      ...split,
      line,
      heredocs,
      comments,
      ...(emptyContinuation !== undefined && { emptyContinuation }),
    });
    comments = [];
  }
  return { escapeMark, directives, statements };
}

function isComment(line: string): boolean {
  return line[leadingSpace(line)] === "#";
}

/** A line that ends in the escape character goes on, unless another one stands before that. */
function continuationOf(escapeMark: Escape): (line: string) => { text: string; goesOn: boolean } {
  return (line) => {
    let end = line.length;
    while (end > 0 && (line[end - 1] === " " || line[end - 1] === "\t")) end--;
    const goesOn = line[end - 1] === escapeMark && line[end - 2] !== escapeMark;
    return { text: goesOn ? line.slice(0, end - 1) : line, goesOn };
  };
}

function marksOf(split: SplitLine, line: LogicalLine, escapeMark: Escape) {
  if (!line.text.includes("<<")) return [];
  const isTrigger = /^onbuild$/i.test(split.instruction.text);
  const { instruction, rest } = isTrigger
    ? splitInstruction(split.rest.text, escapeMark, split.rest.at)
    : split;
  if (!WITH_HEREDOC.test(instruction.text) || Array.isArray(parseStrings(rest.text))) return [];
  const marks = heredocMarks(line.text);
  if ("problem" in marks) {
    throw usageError("DOCKERFILE_SYNTAX", `${line.where(split.instruction.at)}: heredoc: ${marks.problem}`);
  }
  return marks;
}

function readBody(
  name: string,
  dropsTabs: boolean,
  lines: readonly { readonly raw: string }[],
  from: number,
): { text: string; next: number } | undefined {
  const parts: string[] = [];
  for (let index = from; index < lines.length; index++) {
    const { raw } = lines[index]!;
    const bare = withoutLineBreak(raw);
    if ((dropsTabs ? bare.replace(/^\t+/, "") : bare) === name)
      return { text: parts.join(""), next: index + 1 };
    parts.push(raw);
  }
  return undefined;
}
