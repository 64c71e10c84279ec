import { expandWords } from "./expand.ts";

/** The mark of a heredoc, such as `<<EOF`, `<<-EOF`, `3<<"EOF"`. */
export type HeredocMark = {
  readonly name: string;
  /** Written without quotes: variables count in its body. */
  readonly isExpanded: boolean;
  /** `<<-`: tabs at the head of lines are dropped. */
  readonly dropsTabs: boolean;
};

/** `body` as it stands in the file, tabs and all. */
export type Heredoc = HeredocMark & { readonly body: string };

const NOTHING: ReadonlyMap<string, string> = new Map();

/** A word as the mark of a heredoc; undefined if it is none, a problem where its quotes do not match. */
export function parseHeredocMark(word: string): HeredocMark | { readonly problem: string } | undefined {
  const match = /^(?:\d*)<<(-?)[\t\n\f\r ]*([^<]*)$/.exec(word);
  const written = match?.[2] ?? "";
  if (match === null || written === "") return undefined;
  const bare = expandWords(written, NOTHING, { escapeMark: "\\", keepsUnset: true });
  if ("problem" in bare) return bare;
  const [name, ...more] = bare.words;
  if (name === undefined || more.length > 0) return undefined;
  const quoted = expandWords(written, NOTHING, { escapeMark: "\\", keepsUnset: true, keepsQuotes: true });
  if ("problem" in quoted) return quoted;
  const isExpanded = countQuotes(name) === countQuotes(quoted.words[0] ?? "");
  return { name, isExpanded, dropsTabs: match[1] === "-" };
}

/** The marks on a line of RUN, COPY or ADD, in order. Whatever its escape directive, a backslash escapes in these. */
export function heredocMarks(line: string): readonly HeredocMark[] | { readonly problem: string } {
  const rules = { escapeMark: "\\", keepsQuotes: true, keepsEscapes: true, keepsUnset: true } as const;
  const split = expandWords(line, NOTHING, rules);
  // A line that does not parse for us may well do for the shell.
  if ("problem" in split) return [];
  const marks: HeredocMark[] = [];
  for (const word of split.words) {
    const mark = parseHeredocMark(word);
    if (mark === undefined) continue;
    if ("problem" in mark) return mark;
    marks.push(mark);
  }
  return marks;
}

/** The heredoc's text: without leading tabs where it was opened with `<<-`. */
export function heredocText({
  body,
  dropsTabs,
}: {
  readonly body: string;
  readonly dropsTabs: boolean;
}): string {
  return dropsTabs ? body.replace(/(^|\n)\t+/g, "$1") : body;
}

function countQuotes(text: string): number {
  return text.split(/['"]/).length - 1;
}
