import { usageError } from "../../../errors.ts";

export type IniEntry = {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly line: number;
};

/**
 * Reads what Python's RawConfigParser reads: sections, `key = value` or `key: value`, indented continuation lines, whole
 * lines of comment. A later entry of the same key stands after the earlier one.
 * @throws CambiumError `SETTINGS_SYNTAX` with the line.
 */
export function parseIni(text: string, where: string): IniEntry[] {
  const entries: { section: string; key: string; value: string; line: number }[] = [];
  let section: string | undefined;
  let isOpen = false;
  for (const [index, line] of text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\n|\r/)
    .entries()) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const last = entries.at(-1);
    if (/^\s/.test(line) && isOpen && last !== undefined) {
      last.value = `${last.value}\n${line.trim()}`;
      continue;
    }
    const header = /^\s*\[([^\]]+)\]/.exec(line);
    const pair = /^\s*([^=:\s][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line);
    if (header !== null) {
      section = header[1]!;
      isOpen = false;
    } else if (pair !== null && section !== undefined) {
      entries.push({ section, key: pair[1]!, value: pair[2]!, line: index + 1 });
      isOpen = true;
    } else {
      throw usageError(
        "SETTINGS_SYNTAX",
        `${where}:${index + 1}: ${section === undefined ? "a line before the first [section]" : "not a key = value line"}`,
        "Correct the line as the tool that owns the file expects it.",
      );
    }
  }
  return entries;
}
