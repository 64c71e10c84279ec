import { usageError } from "../../errors.ts";
import { leadingSpace, trimStart } from "./space.ts";

/** The character that escapes others and joins lines. */
export type Escape = "\\" | "`";

/** What the comments at the head of a Dockerfile set. `line` from 1. */
export type Directive = { readonly name: DirectiveName; readonly value: string; readonly line: number };
export type DirectiveName = "syntax" | "escape" | "check";

const NAMES: readonly string[] = ["syntax", "escape", "check"] satisfies DirectiveName[];

/** `name = value` of a comment's text; undefined for any other comment, which ends the directives. */
export function parseDirective(
  comment: string,
): { readonly name: DirectiveName; readonly value: string } | undefined {
  const match = /^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S.*)$/s.exec(trimStart(comment).trimEnd());
  const name = match?.[1]?.toLowerCase();
  if (match === null || name === undefined || !NAMES.includes(name)) return undefined;
  return { name: name as DirectiveName, value: match[2]! };
}

/**
 * The directives of a file: comments at its very head, each name once, until anything else comes.
 * @throws CambiumError `DOCKERFILE_SYNTAX` for one that stands twice; `place` names a line and column.
 */
export function readDirectives(
  lines: readonly string[],
  place: (line: number, column: number) => string,
): readonly Directive[] {
  const found: Directive[] = [];
  for (const [index, line] of lines.entries()) {
    const indent = leadingSpace(line);
    const directive = line[indent] === "#" ? parseDirective(line.slice(indent + 1)) : undefined;
    if (directive === undefined) break;
    if (found.some((other) => other.name === directive.name)) {
      throw usageError(
        "DOCKERFILE_SYNTAX",
        `${place(index + 1, indent + 1)}: the directive ${directive.name} stands twice`,
      );
    }
    found.push({ ...directive, line: index + 1 });
  }
  return found;
}

/** @throws CambiumError `DOCKERFILE_SYNTAX`. */
export function escapeOf(
  directives: readonly Directive[],
  place: (line: number, column: number) => string,
): Escape {
  const directive = directives.find(({ name }) => name === "escape");
  if (directive === undefined) return "\\";
  if (directive.value === "\\" || directive.value === "`") return directive.value;
  throw usageError(
    "DOCKERFILE_SYNTAX",
    `${place(directive.line, 1)}: not an escape character: ${JSON.stringify(directive.value)}`,
    "Write # escape=\\ or # escape=`.",
  );
}
