import { dirname, resolve, sep } from "node:path";
import { type OutputSettings, type OutputType, outputTypes } from "../actions/settings.ts";
import { csvPairs } from "../csv.ts";
import { usageError } from "../errors.ts";
import { nearest } from "../nearest.ts";

const where = "--output";
const KEYS: readonly string[] = ["type", "dest", "reference-only"];
/** Names that buildx has for what we have under another name, or elsewhere. */
const elsewhere: Readonly<Record<string, string>> = {
  local: "A root filesystem as a folder is type=rootfs here.",
  registry: "To push, use --push with --tag.",
  image: "To push, use --push with --tag; every build is in the store anyway.",
};

/**
 * One `-o type=…,dest=…`, as buildx spells it, for an image layout with `reference-only=true` where its layers are not wanted; a bare path means `type=rootfs`, which is what it means there.
 * @throws CambiumError `OUTPUT_SYNTAX`, `CSV_SYNTAX`.
 */
export function parseOutput(text: string, cwd: string): OutputSettings {
  if (text !== "" && !text.includes("=") && !text.includes(",")) {
    return { type: "rootfs", dest: resolve(cwd, checkedDest(text, text)) };
  }
  const pairs = csvPairs(text, where);
  for (const key of pairs.keys()) {
    if (!KEYS.includes(key)) throw unknown("key", key, text, KEYS);
  }
  const type = pairs.get("type");
  if (type === undefined) throw syntax("type is missing", text);
  if (!isOutputType(type)) {
    const hint = elsewhere[type];
    if (hint !== undefined) throw syntax(`unknown type ${JSON.stringify(type)}`, text, hint);
    throw unknown("type", type, text, outputTypes);
  }
  const dest = resolve(cwd, checkedDest(pairs.get("dest"), text));
  const isReference = referenceOnly(pairs.get("reference-only"), text);
  if (!isReference) return { type, dest };
  if (type === "oci" && !dest.endsWith(".tar")) return { type, dest, isReference };
  throw syntax("reference-only goes with type=oci and a folder", text);
}

function referenceOnly(value: string | undefined, text: string): boolean {
  if (value === undefined || value === "true" || value === "false") return value === "true";
  throw syntax(`reference-only is true or false, not ${JSON.stringify(value)}`, text);
}

/**
 * Refuses outputs that would write over one another: equal places, or one inside the other.
 * @throws CambiumError `OUTPUT_CONFLICT` naming both.
 */
export function assertOutputsApart(outputs: readonly OutputSettings[]): void {
  for (const [at, output] of outputs.entries()) {
    for (const other of outputs.slice(0, at)) {
      if (isWithin(output.dest, other.dest) || isWithin(other.dest, output.dest)) {
        throw usageError(
          "OUTPUT_CONFLICT",
          `${where}: ${output.type} to ${output.dest} would write into ${other.type} to ${other.dest}`,
          "Give each output a place of its own.",
        );
      }
    }
  }
}

function isWithin(path: string, folder: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if (at === folder) return true;
    if (at === dirname(at) || at === sep) return false;
  }
}

function checkedDest(dest: string | undefined, text: string): string {
  if (dest === undefined || dest === "") throw syntax("dest is missing", text);
  if (dest === "-") throw syntax("standard output cannot be a dest", text, "Name a file, then read that.");
  return dest;
}

function isOutputType(text: string): text is OutputType {
  return (outputTypes as readonly string[]).includes(text);
}

function unknown(what: string, word: string, text: string, known: readonly string[]): Error {
  const near = nearest(word, known);
  const meant = near === undefined ? "" : `Did you mean ${near}? `;
  return syntax(`unknown ${what} ${JSON.stringify(word)}`, text, `${meant}Known: ${known.join(", ")}.`);
}

function syntax(what: string, text: string, hint?: string): Error {
  return usageError(
    "OUTPUT_SYNTAX",
    `${where}: ${what}: ${JSON.stringify(text)}`,
    hint ?? `Write type=${outputTypes.join("|")},dest=PATH.`,
  );
}
