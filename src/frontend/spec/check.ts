import { closest, distance } from "fastest-levenshtein";
import { z } from "zod";
import { type CambiumError, usageError } from "../../errors.ts";

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

/** One complaint. `isKey`: the last part of `path` is a key that should not be there. */
type Finding = {
  readonly path: Path;
  readonly isKey: boolean;
  readonly text: string;
  readonly hint?: string;
};

/** Where a path is in what the person wrote; `isKey` asks for the key and not its value. Such as `cambium.yaml:3:5`. */
export type Locate = (path: Path, isKey: boolean) => string;

/** More than this many complaints at once help nobody. */
const MAX_FINDINGS = 5;

/** Keys that people bring from elsewhere, with what to do about them. */
const KNOWN_ELSEWHERE: Readonly<Record<string, string>> = {
  base: "The base is `debian: trixie`, or `from: IMAGE` for one of a registry.",
  image: "The base is `debian:` or `from:`, the image's name is `tags:`.",
  pip: "Python distributions are `python:`, for example `python: requirements.txt`.",
  requirements: "Write it below `python:`, as in `python: requirements.txt`.",
  command: "The command is `cmd:`.",
  ports: "Ports are `expose:`.",
  environment: "Environment variables are `env:`.",
};
/** The same in what stands below a key; a stage has the words of an image. */
const KNOWN_ELSEWHERE_IN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  run: {
    cmd: "The command that runs here is `command:`.",
    secrets: "A secret is a mount: `mounts: [{ type: secret, id: NAME }]`.",
    cache: "A cache is a mount: `mounts: [{ type: cache, target: /PATH }]`.",
  },
  copy: {
    src: "The paths are `from:`, and the place in the image is `to:`.",
    source: "The paths are `from:`, and the place in the image is `to:`.",
    dest: "The place in the image is `to:`.",
    destination: "The place in the image is `to:`.",
    target: "The place in the image is `to:`.",
  },
  steps: {
    apt: "Packages stand below all steps: write `apt:` beside `steps:`.",
    python: "Packages stand below all steps: write `python:` beside `steps:`.",
    env: "Variables hold for all steps: write `env:` beside `steps:`, or in one `run:`.",
    workdir: "It holds for all steps: write `workdir:` beside `steps:`, or in one `run:`.",
    user: "Who runs the image's command is `user:` beside `steps:`; one `run:` has its own.",
  },
};

/**
 * Holds `input` to `schema` and gives the checked value.
 * @throws CambiumError `SPEC_UNKNOWN_KEY` or `SPEC_INVALID`, one line per complaint in the order of the text.
 */
export function checkSpec<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  locate: Locate,
): z.infer<Schema> {
  const result = schema.safeParse(input, { reportInput: true });
  if (result.success) return result.data;
  const findings = result.error.issues.flatMap((issue) => findingsOf(schema, input, issue, []));
  throw errorFrom(findings, locate);
}

function errorFrom(findings: readonly Finding[], locate: Locate): CambiumError {
  const first = findings.find((finding) => finding.isKey) ?? findings[0]!;
  const ordered = [first, ...findings.filter((finding) => finding !== first)];
  const lines = ordered
    .slice(0, MAX_FINDINGS)
    .map((finding) => `${locate(finding.path, finding.isKey)}: ${finding.text}`);
  if (ordered.length > MAX_FINDINGS) lines.push(`and ${ordered.length - MAX_FINDINGS} more`);
  return usageError(first.isKey ? "SPEC_UNKNOWN_KEY" : "SPEC_INVALID", lines.join("\n"), first.hint);
}

function findingsOf(schema: z.ZodType, input: unknown, issue: Issue, prefix: Path): Finding[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownKey(key, path, keysAt(schema, path)));
  }
  const value = valueAt(input, path);
  if (issue.code === "invalid_union") {
    const fitting = issue.errors.filter((branch) => !branch.some((inner) => isTypeMismatch(inner, value)));
    // One form was meant, so its complaints are the ones to show; otherwise all forms are.
    if (fitting.length > 0) return fitting[0]!.flatMap((inner) => findingsOf(schema, input, inner, path));
    const expected = expectationsOf(issue);
    return [mismatch(schema, path, value, [...new Set(expected)].join(" or "))];
  }
  return [mismatch(schema, path, value, expectation(issue))];
}

function isTypeMismatch(issue: Issue, value: unknown): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === "invalid_type") return true;
  if (issue.code === "invalid_union") {
    return issue.errors.every((branch) => branch.some((inner) => isTypeMismatch(inner, value)));
  }
  return issue.code === "invalid_value" && issue.values.every((allowed) => typeof allowed !== typeof value);
}

function unknownKey(key: string, parent: Path, known: readonly string[]): Finding {
  const near = known.length === 0 ? undefined : closest(key.toLowerCase(), known);
  const isNear =
    near !== undefined && distance(key.toLowerCase(), near.toLowerCase()) <= Math.max(2, key.length / 3);
  const elsewhere = knownElsewhere(key, parent);
  const hint =
    elsewhere ?? (isNear ? `Did you mean ${JSON.stringify(near)}?` : `Known here: ${known.join(", ")}.`);
  const within = parent.length === 0 ? "" : ` in ${formatPath(parent)}`;
  return { path: [...parent, key], isKey: true, text: `unknown key ${JSON.stringify(key)}${within}`, hint };
}

function knownElsewhere(key: string, parent: Path): string | undefined {
  const isImage = parent.length === 0 || (parent.length === 2 && parent[0] === "stages");
  const above = parent.findLast((part) => typeof part === "string") ?? "";
  const known = isImage ? KNOWN_ELSEWHERE : KNOWN_ELSEWHERE_IN[above];
  return known !== undefined && Object.hasOwn(known, key) ? known[key] : undefined;
}

function mismatch(schema: z.ZodType, path: Path, value: unknown, expected: string): Finding {
  const example = exampleAt(schema, path);
  return {
    path,
    isKey: false,
    text: `${formatPath(path)}: expected ${expected}, got ${describe(value)}`,
    ...(example !== undefined && { hint: `For example ${example}` }),
  };
}

function expectationsOf(issue: Issue): string[] {
  if (issue.code !== "invalid_union") return [expectation(issue)];
  return issue.errors.flatMap((branch) =>
    branch.filter(({ path }) => path.length === 0).flatMap(expectationsOf),
  );
}

/** What an issue wanted, in a person's words. */
function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return TYPE_NAMES[issue.expected] ?? issue.expected;
    case "invalid_value":
      return `one of ${issue.values.map((value) => String(value)).join(", ")}`;
    case "too_small":
      return issue.origin === "number"
        ? `at least ${issue.minimum}`
        : issue.origin === "array"
          ? "a list with something in it"
          : "some text";
    case "too_big":
      return `at most ${issue.maximum}`;
    case "invalid_format":
      if (issue.format === "url") return "a URL such as https://mirror.example/debian";
      if (issue.format === "starts_with") return "an absolute path";
      return issue.message.replace(/^must be /, "");
    default:
      return issue.message.replace(/^must be /, "").replace(/^must not contain/, "no");
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "text",
  array: "a list",
  object: "a mapping",
  record: "a mapping",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

function describe(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
}

function formatPath(path: Path): string {
  let text = "";
  for (const part of path)
    text += typeof part === "number" ? `[${part}]` : text === "" ? String(part) : `.${String(part)}`;
  return text;
}

function valueAt(input: unknown, path: Path): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** Keys that the schema knows at `path`, over all forms that may stand there. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  return schemasAt(schema, path).flatMap((found) =>
    found instanceof z.ZodObject ? Object.keys(found.shape) : [],
  );
}

/** The nearest documented example: `- value` of an item, `key: value` of a top-level key. */
function exampleAt(schema: z.ZodType, path: Path): string | undefined {
  if (typeof path.at(-1) === "number") {
    const own = schemasAt(schema, path).flatMap((item) => metaOf(item).examples ?? [])[0];
    if (own !== undefined) return `- ${JSON.stringify(own)}`;
  }
  const key = path[0];
  if (!(schema instanceof z.ZodObject) || typeof key !== "string") return undefined;
  const field: unknown = schema.shape[key];
  const example = field instanceof z.ZodType ? metaOf(field).examples?.[0] : undefined;
  return example === undefined ? undefined : `${key}: ${JSON.stringify(example)}`;
}

function metaOf(field: z.ZodType): { examples?: readonly unknown[] } {
  const own = field.meta();
  if (own !== undefined) return own as { examples?: readonly unknown[] };
  return field instanceof z.ZodOptional ? metaOf(field.unwrap() as z.ZodType) : {};
}

/** Every schema that may stand at `path`: unions give all their members. */
function schemasAt(schema: z.ZodType, path: Path): z.ZodType[] {
  if (schema instanceof z.ZodOptional) return schemasAt(schema.unwrap() as z.ZodType, path);
  if (schema instanceof z.ZodUnion)
    return schema.options.flatMap((option) => schemasAt(option as z.ZodType, path));
  if (path.length === 0) return [schema];
  const [part, ...rest] = path;
  if (schema instanceof z.ZodArray)
    return typeof part === "number" ? schemasAt(schema.element as z.ZodType, rest) : [];
  if (schema instanceof z.ZodRecord) return schemasAt(schema.valueType as z.ZodType, rest);
  if (!(schema instanceof z.ZodObject) || typeof part !== "string") return [];
  const field: unknown = schema.shape[part];
  return field instanceof z.ZodType ? schemasAt(field, rest) : [];
}
