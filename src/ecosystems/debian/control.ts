import { CambiumError } from "../../errors.ts";

/** Fields of one paragraph by their name as written, in file order; continuation lines joined by newlines. */
export type Stanza = ReadonlyMap<string, string>;

const FIELD = /^([!-9;-~]+):[ \t]*(.*)$/;

/**
 * Paragraphs of a control file (deb822(5)). A continuation keeps its text behind the one leading space; lines that
 * begin with `#` are comments.
 * @throws CambiumError `DEBIAN_CONTROL_SYNTAX` for a line that is no field, or a field that stands twice.
 */
export function parseStanzas(text: string, where: string): Stanza[] {
  const stanzas: Stanza[] = [];
  let fields = new Map<string, string>();
  let last: string | undefined;
  const lines = text.split("\n");
  for (const [index, raw] of lines.entries()) {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (line.startsWith("#")) continue;
    if (line.trim() === "") {
      if (fields.size > 0) stanzas.push(fields);
      fields = new Map();
      last = undefined;
      continue;
    }
    if (line.startsWith(" ") || line.startsWith("\t")) {
      if (last === undefined) throw syntaxError(where, index, "a continuation without a field", line);
      fields.set(last, `${fields.get(last)}\n${line.slice(1).trimEnd()}`);
      continue;
    }
    const match = FIELD.exec(line);
    const name = match?.[1];
    if (match === null || name === undefined) throw syntaxError(where, index, "not a field", line);
    if (fields.has(name)) throw syntaxError(where, index, "a field stands twice", line);
    fields.set(name, (match[2] ?? "").trimEnd());
    last = name;
  }
  if (fields.size > 0) stanzas.push(fields);
  return stanzas;
}

/** The value of a field whatever its letter case (deb822(5): names are not case-sensitive). */
export function fieldOf(stanza: Stanza, name: string): string | undefined {
  const exact = stanza.get(name);
  if (exact !== undefined) return exact;
  const wanted = name.toLowerCase();
  for (const [key, value] of stanza) if (key.toLowerCase() === wanted) return value;
  return undefined;
}

function syntaxError(where: string, index: number, what: string, line: string): CambiumError {
  const shown = line.length > 80 ? `${line.slice(0, 80)}…` : line;
  return new CambiumError(
    "DEBIAN_CONTROL_SYNTAX",
    `${where}:${index + 1}: ${what}: ${JSON.stringify(shown)}`,
  );
}
