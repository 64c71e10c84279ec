import { parseByteSize } from "../../byte-size.ts";
import { csvFields } from "../../csv.ts";
import { usageError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import type { Text } from "./instructions.ts";

const TYPES = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const SHARINGS = ["shared", "private", "locked"] as const;
const KEYS: readonly string[] = [
  ...["type", "from", "source", "src", "target", "dst", "destination", "readonly", "ro", "readwrite", "rw"],
  ...["required", "size", "id", "sharing", "mode", "uid", "gid", "env"],
];
const BOOLEANS: Readonly<Record<string, boolean>> = {
  ...{ "1": true, t: true, T: true, TRUE: true, true: true, True: true },
  ...{ "0": false, f: false, F: false, FALSE: false, false: false, False: false },
};

/** One `--mount` as written, names as in its keys, variables put in. */
export type MountFlag = {
  type: (typeof TYPES)[number];
  from?: string;
  source?: string;
  target?: string;
  isReadOnly?: boolean;
  isRequired?: boolean;
  sizeBytes?: number;
  id?: string;
  sharing?: (typeof SHARINGS)[number];
  mode?: number;
  uid?: number;
  gid?: number;
  env?: string;
};

type Field = { readonly key: string; readonly value: string | undefined; readonly text: string };

/** What a mount takes its files from, which no variable may name: stages are known before variables are. */
export function mountFrom(mount: Text): string | undefined {
  const value = fieldsOf(mount).findLast(({ key }) => key === "from")?.value;
  return value === "" ? undefined : value;
}

/** @throws CambiumError `DOCKERFILE_FLAG`. */
export function assertMountFrom(mount: Text): void {
  const from = mountFrom(mount) ?? "";
  const dollar = from.indexOf("$");
  if (dollar === -1 || dollar === from.length - 1) return;
  throw usageError(
    "DOCKERFILE_FLAG",
    `${mount.where}: --mount: from cannot have a variable: ${JSON.stringify(from)}`,
    "Name it with a stage of its own: FROM IMAGE AS NAME, then from=NAME.",
  );
}

/**
 * The fields of a `--mount`; `expand` puts variables into each value.
 * @throws CambiumError `DOCKERFILE_FLAG`, `CSV_SYNTAX`.
 */
export function readMount(mount: Text, expand: (value: string) => string): MountFlag {
  const flag: MountFlag = { type: "bind" };
  for (const field of fieldsOf(mount)) {
    if (!KEYS.includes(field.key)) throw unknownKey(mount, field);
    setField(flag, field, field.value === undefined ? undefined : expand(field.value), mount);
  }
  assertFits(flag, mount);
  return flag;
}

function fieldsOf(mount: Text): Field[] {
  return csvFields(mount.text, `${mount.where}: --mount`).map((text) => {
    const equals = text.indexOf("=");
    if (equals === -1) return { key: text.toLowerCase(), value: undefined, text };
    return { key: text.slice(0, equals).toLowerCase(), value: text.slice(equals + 1), text };
  });
}

function setField(flag: MountFlag, field: Field, value: string | undefined, mount: Text): void {
  const { key } = field;
  if (key === "readonly" || key === "ro") flag.isReadOnly = booleanOf(value, field, mount);
  else if (key === "readwrite" || key === "rw") flag.isReadOnly = !booleanOf(value, field, mount);
  else if (key === "required") {
    if (flag.type !== "secret" && flag.type !== "ssh") throw misplaced(mount, flag, field);
    flag.isRequired = booleanOf(value, field, mount);
  } else if (value === undefined)
    throw invalid(mount, `${JSON.stringify(field.text)} has no value`, `Write ${key}=VALUE.`);
  else setValue(flag, field, value, mount);
}

function setValue(flag: MountFlag, field: Field, value: string, mount: Text): void {
  const { key } = field;
  if (key === "type") flag.type = oneOf(TYPES, value.toLowerCase(), field, mount);
  else if (key === "from") flag.from = value;
  else if (key === "source" || key === "src") flag.source = value;
  else if (key === "target" || key === "dst" || key === "destination") flag.target = value;
  else if (key === "id") flag.id = value;
  else if (key === "env") flag.env = value;
  else if (key === "sharing") flag.sharing = oneOf(SHARINGS, value.toLowerCase(), field, mount);
  else if (key === "mode") flag.mode = numberOf(value, 8, field, mount);
  else if (key === "uid") flag.uid = numberOf(value, 10, field, mount);
  else if (key === "gid") flag.gid = numberOf(value, 10, field, mount);
  else {
    if (flag.type !== "tmpfs") throw misplaced(mount, flag, field);
    const bytes = parseByteSize(value);
    if (bytes === undefined)
      throw invalid(mount, `not a size: ${JSON.stringify(field.text)}`, "Write it like size=64m.");
    flag.sizeBytes = bytes;
  }
}

/** What cannot go together. */
function assertFits(flag: MountFlag, mount: Text): void {
  const hasOwner = flag.type === "secret" || flag.type === "ssh" || flag.type === "cache";
  for (const key of ["mode", "uid", "gid"] as const) {
    if (!hasOwner && flag[key] !== undefined)
      throw invalid(mount, `a mount of type ${flag.type} has no ${key}`);
  }
  if (flag.type !== "cache" && flag.sharing !== undefined) {
    throw invalid(mount, `a mount of type ${flag.type} has no sharing`);
  }
  if (flag.type === "ssh" && isGiven(flag.source)) throw invalid(mount, "a mount of type ssh has no source");
  if (flag.type !== "secret") return;
  if (isGiven(flag.from)) throw invalid(mount, "a mount of type secret has no from");
  if (![flag.source, flag.target, flag.id].some(isGiven)) {
    throw invalid(mount, "a secret without a name", "Write id=NAME.");
  }
  if (isGiven(flag.source) && isGiven(flag.id))
    throw invalid(mount, "a secret has an id or a source, not both");
}

function isGiven(value: string | undefined): boolean {
  return value !== undefined && value !== "";
}

function booleanOf(value: string | undefined, field: Field, mount: Text): boolean {
  if (value === undefined) return true;
  const known = Object.hasOwn(BOOLEANS, value) ? BOOLEANS[value] : undefined;
  if (known !== undefined) return known;
  throw invalid(mount, `neither true nor false: ${JSON.stringify(field.text)}`);
}

function numberOf(value: string, base: 8 | 10, field: Field, mount: Text): number {
  const number = Number.parseInt(value, base);
  if ((base === 8 ? /^[0-7]+$/ : /^[0-9]+$/).test(value) && number < 2 ** 32) return number;
  const kind = base === 8 ? "an octal number" : "a number";
  throw invalid(mount, `not ${kind}: ${JSON.stringify(field.text)}`);
}

function oneOf<Value extends string>(
  known: readonly Value[],
  value: string,
  field: Field,
  mount: Text,
): Value {
  const found = known.find((one) => one === value);
  if (found !== undefined) return found;
  const near = nearest(value, known);
  const meant = near === undefined ? "" : `Did you mean ${near}? `;
  throw invalid(mount, `unknown: ${JSON.stringify(field.text)}`, `${meant}Known: ${known.join(", ")}.`);
}

function unknownKey(mount: Text, field: Field): Error {
  const near = nearest(field.key, KEYS);
  const meant = near === undefined ? "" : `Did you mean ${near}? `;
  return invalid(mount, `unknown: ${JSON.stringify(field.text)}`, `${meant}Known: ${KEYS.join(", ")}.`);
}

function misplaced(mount: Text, flag: MountFlag, field: Field): Error {
  return invalid(mount, `a mount of type ${flag.type} has no ${field.key}`, "The type stands before it.");
}

function invalid(mount: Text, problem: string, hint?: string): Error {
  return usageError("DOCKERFILE_FLAG", `${mount.where}: --mount: ${problem}`, hint);
}
