import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Scalar } from "yaml";
import { usageError } from "../../errors.ts";
import { checkSpec, type Locate } from "./check.ts";
import { specSchema } from "./schema.ts";
import { type LoadedSpec, toLoadedSpec } from "./to-loaded-spec.ts";

/** A settings file of a megabyte is something else by mistake. */
const MAX_BYTES = 1 << 20;

const VERBATIM: ReadonlySet<string> = new Set(["chmod", "mode", "ref", "commit"]);

/** Values taken as written: `1.10` is no number in an env, and YAML 1.2 reads a mode of `0644` as decimal. */
function isVerbatim(path: readonly string[]): boolean {
  const [parent, key] = path.slice(-2);
  return parent === "env" || (parent === "label" && path.length === 2) || VERBATIM.has(key ?? path[0] ?? "");
}

/**
 * Reads a `cambium.yaml`. `file` is what errors call it.
 * @throws CambiumError `SPEC_SYNTAX`, `SPEC_UNKNOWN_KEY`, `SPEC_INVALID`, each with `file:line:column`.
 */
export function parseSpecYaml(text: string, file: string): LoadedSpec {
  if (Buffer.byteLength(text) > MAX_BYTES) {
    throw usageError("SPEC_SYNTAX", `${file}: larger than ${MAX_BYTES} bytes`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    version: "1.2",
  });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    throw usageError(
      "SPEC_SYNTAX",
      `${at(problem.pos[0])}: not valid YAML: ${problem.message.split(";")[0]}`,
      "Look at the indentation, the brackets and the quotes there and in the line before.",
      problem,
    );
  }
  const root = document.contents as Node | null;
  const input = root === null ? {} : toData(root, [], at);
  const locate: Locate = (path, isKey) => at(offsetOf(root, path, isKey));
  return toLoadedSpec(checkSpec(specSchema, input ?? {}, locate), (...path) => locate(path, false));
}

function toData(node: unknown, path: readonly string[], at: (offset: number) => string): unknown {
  if (isAlias(node)) {
    // Every line should say what it does; aliases are also how small files become huge ones.
    throw usageError(
      "SPEC_SYNTAX",
      `${at(node.range?.[0] ?? 0)}: aliases (*name) are not supported`,
      "Write it out.",
    );
  }
  if (isScalar(node)) return isVerbatim(path) ? verbatim(node) : node.value;
  if (isSeq(node)) return node.items.map((item, index) => toData(item, [...path, String(index)], at));
  if (!isMap(node)) return null;
  const data: Record<string, unknown> = {};
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? (key.source ?? String(key.value)) : undefined;
    const offset = (key as Node | null)?.range?.[0] ?? 0;
    if (name === undefined) throw usageError("SPEC_SYNTAX", `${at(offset)}: a key must be plain text`);
    if (name === "__proto__") {
      throw usageError("SPEC_UNKNOWN_KEY", `${at(offset)}: unknown key "__proto__"`);
    }
    data[name] = toData(value, [...path, name], at);
  }
  return data;
}

function verbatim(scalar: Scalar): unknown {
  const { value } = scalar;
  return (typeof value === "number" || typeof value === "boolean") && scalar.source !== undefined
    ? scalar.source
    : value;
}

/** Offset of what stands at `path`, or of the deepest part of it that is there. */
function offsetOf(root: Node | null, path: readonly PropertyKey[], isKey: boolean): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const [index, part] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && (key.source ?? String(key.value)) === part);
      if (pair === undefined) break;
      const keyOffset = (pair.key as Node).range?.[0] ?? offset;
      const isLast = index === path.length - 1;
      const isAbsent = pair.value === null || (isScalar(pair.value) && pair.value.value === null);
      // A value that is not there has no place of its own.
      offset = (isKey && isLast) || isAbsent ? keyOffset : ((pair.value as Node).range?.[0] ?? keyOffset);
      node = pair.value;
    } else if (isSeq(node) && typeof part === "number") {
      node = node.items[part];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
