import { usageError } from "./errors.ts";

/**
 * The fields of one CSV line as buildx reads them in `-o` (RFC 4180 §2): commas part, double quotes enclose a field
 * that has commas, and are doubled inside it.
 * @throws CambiumError `CSV_SYNTAX`; `where` says which flag.
 */
export function csvFields(line: string, where: string): string[] {
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    const match = /^(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/.exec(rest);
    if (match === null) {
      throw usageError(
        "CSV_SYNTAX",
        `${where}: quotes do not match: ${JSON.stringify(line)}`,
        'A field with a comma is written "dest=a,b", quotes around the whole field.',
      );
    }
    fields.push(match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'));
    if (match[3] === "") return fields;
    rest = rest.slice(match[0].length);
  }
}

/**
 * The fields as `key=value` pairs; keys in lower case, as buildx takes them.
 * @throws CambiumError `CSV_SYNTAX` for a field without `=`, or a key that stands twice.
 */
export function csvPairs(line: string, where: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const field of csvFields(line, where)) {
    const at = field.indexOf("=");
    const key = field.slice(0, Math.max(0, at)).trim().toLowerCase();
    if (key === "") {
      throw usageError(
        "CSV_SYNTAX",
        `${where}: not key=value: ${JSON.stringify(field)}`,
        "Write key=value,key=value.",
      );
    }
    if (pairs.has(key))
      throw usageError("CSV_SYNTAX", `${where}: ${key} stands twice: ${JSON.stringify(line)}`);
    pairs.set(key, field.slice(at + 1));
  }
  return pairs;
}
