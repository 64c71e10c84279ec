import type { PythonTarget } from "../target.ts";
import { type Cursor, failAt, skipBlanks, take } from "./cursor.ts";
import { meets, tryClause } from "./specifier.ts";
import { tryVersion } from "./version.ts";

const ENVIRONMENT_VARIABLES = [
  "implementation_name",
  "implementation_version",
  "os_name",
  "platform_machine",
  "platform_python_implementation",
  "platform_release",
  "platform_system",
  "platform_version",
  "python_full_version",
  "python_version",
  "sys_platform",
] as const;

/** Value of each variable of PEP 508. */
export type MarkerEnvironment = Readonly<Record<(typeof ENVIRONMENT_VARIABLES)[number], string>>;
/** `extra` is PEP 508's, `extras` and `dependency_groups` are the sets of PEP 751. */
export type MarkerVariable = keyof MarkerEnvironment | "extra" | "extras" | "dependency_groups";
type MarkerOperator = "===" | "~=" | "==" | "!=" | "<=" | ">=" | "<" | ">" | "in" | "not in";

/** One comparison of a variable with a literal. Names of extras and groups are normalised. */
export type MarkerComparison = {
  readonly kind: "comparison";
  readonly variable: MarkerVariable;
  readonly operator: MarkerOperator;
  readonly literal: string;
  /** The literal stands on the left. */
  readonly isReversed: boolean;
};

export type Marker = MarkerComparison | { readonly kind: "and" | "or"; readonly parts: readonly Marker[] };

/** Normalised names that are asked for. */
export type MarkerSelection = { readonly extras: readonly string[]; readonly groups: readonly string[] };

/** Variables that are compared as versions whenever the literal is one (as `packaging` 26 has it). */
const VERSION_VARIABLES: ReadonlySet<MarkerVariable> = new Set<MarkerVariable>([
  "implementation_version",
  "platform_release",
  "python_full_version",
  "python_version",
]);

const MAX_DEPTH = 100;
const HINT = "Markers follow PEP 508, such as: python_version >= '3.11' and sys_platform == 'linux'.";

/** @throws CambiumError `MARKER_SYNTAX` with the column. */
export function parseMarker(text: string, where: string): Marker {
  const cursor: Cursor = { text, where, code: "MARKER_SYNTAX", position: 0 };
  const marker = readMarker(cursor);
  if (cursor.position < text.length) failAt(cursor, "'and', 'or' or the end of the marker", HINT);
  return marker;
}

/** Reads a marker where the cursor stands and the blanks behind it. */
export function readMarker(cursor: Cursor, depth = 0): Marker {
  // Recursion over hostile nesting would end in a stack overflow.
  if (depth > MAX_DEPTH) failAt(cursor, `at most ${MAX_DEPTH} nested parentheses`, HINT);
  return readSequence(cursor, "or", () => readSequence(cursor, "and", () => readAtom(cursor, depth)));
}

function readSequence(cursor: Cursor, kind: "and" | "or", readPart: () => Marker): Marker {
  const parts = [readPart()];
  while (take(cursor, kind === "and" ? /\band\b/y : /\bor\b/y) !== undefined) parts.push(readPart());
  return parts.length === 1 ? parts[0]! : { kind, parts };
}

function readAtom(cursor: Cursor, depth: number): Marker {
  skipBlanks(cursor);
  let marker: Marker;
  if (take(cursor, /\(/y) !== undefined) {
    marker = readMarker(cursor, depth + 1);
    if (take(cursor, /\)/y) === undefined) failAt(cursor, "')'", HINT);
  } else {
    marker = readComparison(cursor);
  }
  skipBlanks(cursor);
  return marker;
}

function readComparison(cursor: Cursor): MarkerComparison {
  const start = cursor.position;
  const left = readOperand(cursor);
  const operatorAt = cursor.position;
  const operator = readOperator(cursor);
  const right = readOperand(cursor);
  const isReversed = left.variable === undefined;
  const variable = left.variable ?? right.variable;
  const literal = left.literal ?? right.literal;
  if (variable === undefined || literal === undefined) {
    failAt(cursor, "a variable on one side and a quoted string on the other", HINT, start);
  }
  const isSet = variable === "extras" || variable === "dependency_groups";
  if (isSet ? !isReversed || !operator.endsWith("in") : variable === "extra" && !/^[=!]=$/.test(operator)) {
    failAt(cursor, isSet ? `'name' in ${variable}` : "extra == 'name'", HINT, operatorAt);
  }
  const comparison = { kind: "comparison", variable, operator, literal, isReversed } as const;
  if (isSet || variable === "extra") return { ...comparison, literal: normalizeGroupName(literal) };
  if ((operator === "~=" || operator === "===") && !VERSION_VARIABLES.has(variable)) {
    failAt(cursor, `an operator that ${variable} can have`, HINT, operatorAt);
  }
  // Reversed, the right side is the environment's: a version of two numbers or more, but for `platform_release`.
  const isUndefined = isReversed
    ? variable === "platform_release"
    : tryClause(`${operator}${literal}`) === undefined;
  if (isUndefined && (operator === "~=" || (operator === "===" && !isReversed))) {
    failAt(cursor, `a version that ${operator} can have`, HINT, operatorAt);
  }
  return comparison;
}

/** Extras and dependency groups are compared as project names are (PEP 685, PEP 735). */
function normalizeGroupName(text: string): string {
  return text.toLowerCase().replace(/[-_.]+/g, "-");
}

const VARIABLE =
  /\b(?:python_version|python_full_version|os[._]name|sys[._]platform|platform_(?:release|system)|platform[._](?:version|machine|python_implementation)|python_implementation|implementation_(?:name|version)|extras?|dependency_groups)\b/y;

function readOperand(cursor: Cursor): { variable?: MarkerVariable; literal?: string } {
  skipBlanks(cursor);
  const name = take(cursor, VARIABLE)?.replace(".", "_");
  const quoted = name === undefined ? take(cursor, /'[^']*'|"[^"]*"/y) : undefined;
  skipBlanks(cursor);
  if (quoted !== undefined) return { literal: quoted.slice(1, -1) };
  if (name === undefined) failAt(cursor, "a marker variable or a quoted string", HINT);
  // The name before PEP 508, which old metadata still has.
  if (name === "python_implementation") return { variable: "platform_python_implementation" };
  return { variable: name as MarkerVariable };
}

function readOperator(cursor: Cursor): MarkerOperator {
  const operator = take(cursor, /===|==|~=|!=|<=|>=|<|>|\bin\b|\bnot[ \t]+in\b/y);
  if (operator === undefined) failAt(cursor, "an operator (==, !=, <, <=, >, >=, ~=, ===, in, not in)", HINT);
  return (operator.startsWith("not") ? "not in" : operator) as MarkerOperator;
}

/** The variables as a target's own interpreter would report them; what depends on a running kernel is empty. */
export function markerEnvironment(target: PythonTarget): MarkerEnvironment {
  return {
    implementation_name: "cpython",
    implementation_version: target.version,
    os_name: "posix",
    platform_machine: target.platform.architecture === "arm64" ? "aarch64" : "x86_64",
    platform_python_implementation: "CPython",
    platform_release: "",
    platform_system: "Linux",
    platform_version: "",
    python_full_version: target.version,
    python_version: target.version.split(".").slice(0, 2).join("."),
    sys_platform: "linux",
  };
}

const NOTHING: MarkerSelection = { extras: [], groups: [] };

/** Whether a marker holds. `selection` answers `extra`, `extras` and `dependency_groups`; its names are normalised. */
export function evaluateMarker(
  marker: Marker,
  environment: MarkerEnvironment,
  selection: MarkerSelection = NOTHING,
): boolean {
  if (marker.kind === "comparison") return evaluateComparison(marker, environment, selection);
  const holds = (part: Marker) => evaluateMarker(part, environment, selection);
  return marker.kind === "and" ? marker.parts.every(holds) : marker.parts.some(holds);
}

/** One comparison, for who walks a marker on their own. */
function evaluateComparison(
  comparison: MarkerComparison,
  environment: MarkerEnvironment,
  selection: MarkerSelection,
): boolean {
  const { variable, operator, literal, isReversed } = comparison;
  if (variable === "extra") return selection.extras.includes(literal) === (operator === "==");
  if (variable === "extras") return selection.extras.includes(literal) === (operator === "in");
  if (variable === "dependency_groups") return selection.groups.includes(literal) === (operator === "in");
  const value = environment[variable];
  const [left, right] = isReversed ? [literal, value] : [value, literal];
  if (VERSION_VARIABLES.has(variable)) {
    const clause = tryClause(`${operator}${right}`);
    // `===` compares text, and is all that a value which is no version can meet.
    if (clause !== undefined && operator !== "===") {
      const version = tryVersion(left);
      return version !== undefined && meets(version, clause);
    }
  }
  return compareText(left, operator, right);
}

/** PEP 508 orders only versions: for other text `<` and `>` never hold, `<=` and `>=` mean equal. */
function compareText(left: string, operator: MarkerOperator, right: string): boolean {
  switch (operator) {
    case "in":
      return right.includes(left);
    case "not in":
      return !right.includes(left);
    case "!=":
      return left !== right;
    case "==":
    case "<=":
    case ">=":
    case "===":
      return left === right;
    default:
      return false;
  }
}

/** Text that parses to the same marker; `and` binds tighter than `or`. */
export function formatMarker(marker: Marker): string {
  if (marker.kind !== "comparison") {
    const texts = marker.parts.map((part) => {
      return marker.kind === "and" && part.kind === "or" ? `(${formatMarker(part)})` : formatMarker(part);
    });
    return texts.join(` ${marker.kind} `);
  }
  const literal = marker.literal.includes("'") ? `"${marker.literal}"` : `'${marker.literal}'`;
  const [left, right] = marker.isReversed ? [literal, marker.variable] : [marker.variable, literal];
  return `${left} ${marker.operator} ${right}`;
}
