import { usageError } from "../../../errors.ts";
import {
  comparePublic,
  compareRelease,
  compareVersions,
  formatVersion,
  isPrerelease,
  tryVersion,
  type Version,
} from "./version.ts";

type Operator = "===" | "~=" | "==" | "!=" | "<=" | ">=" | "<" | ">";

/** One clause, such as `>=1.2`. */
export type SpecifierClause = {
  readonly operator: Operator;
  /** Right-hand side without `.*`, normalised; as written for `===`. */
  readonly text: string;
  /** Absent for `===`, which compares text. */
  readonly version?: Version;
  /** `==1.2.*` and `!=1.2.*`. */
  readonly isPrefix: boolean;
};

/** Clauses that must all hold (PEP 440, "version specifiers"). None means any version. */
export type Specifier = readonly SpecifierClause[];

const CLAUSE = /^(===|~=|==|!=|<=|>=|<|>)\s*(.*)$/s;

/**
 * Reads clauses separated by commas; empty ones are skipped, as pip does.
 * @throws CambiumError `SPECIFIER_SYNTAX` with the clause that is wrong.
 */
export function parseSpecifier(text: string, where: string): Specifier {
  const clauses: SpecifierClause[] = [];
  for (const part of text.split(",")) {
    if (part.trim() !== "") clauses.push(parseClause(part.trim(), where));
  }
  return clauses;
}

/** @throws CambiumError `SPECIFIER_SYNTAX`. */
function parseClause(text: string, where: string): SpecifierClause {
  const result = readClause(text);
  if (typeof result !== "string") return result;
  throw usageError(
    "SPECIFIER_SYNTAX",
    `${where}: not a version specifier: ${JSON.stringify(text.slice(0, 600))}: ${result}`,
    "A clause is an operator (==, !=, >=, <=, >, <, ~=, ===) and a PEP 440 version, such as >=1.4.",
  );
}

/** The clause, or `undefined` when the text is none; for markers, where that changes the meaning instead of failing. */
export function tryClause(text: string): SpecifierClause | undefined {
  const result = readClause(text.trim());
  return typeof result === "string" ? undefined : result;
}

function readClause(text: string): SpecifierClause | string {
  const match = CLAUSE.exec(text);
  if (match === null) return "no operator";
  const operator = match[1] as Operator;
  const right = match[2]!;
  if (operator === "===") {
    return /[\s;)]/.test(right)
      ? "space, ';' or ')' in the version"
      : { operator, text: right, isPrefix: false };
  }
  const isPrefix = right.endsWith(".*");
  if (isPrefix && operator !== "==" && operator !== "!=") return "'.*' goes with == and != only";
  const version = tryVersion(isPrefix ? right.slice(0, -2) : right);
  if (version === undefined) return `${JSON.stringify(right)} is no version`;
  if (isPrefix && (isPrerelease(version) || version.post !== undefined || version.local !== undefined)) {
    return "'.*' cannot follow a pre-release, post-release, development or local version";
  }
  if (version.local !== undefined && operator !== "==" && operator !== "!=") {
    return "a local version goes with == and != only";
  }
  if (operator === "~=" && version.release.length < 2) return "~= needs at least two numbers, such as ~=1.4";
  return { operator, text: formatVersion(version), version, isPrefix };
}

/**
 * Whether a version meets every clause. Pre-releases count like any other version unless `prereleases` is false and no
 * clause names one, since PEP 440 takes them when there is nothing else, which a single version cannot tell.
 */
export function satisfies(
  version: Version,
  specifier: Specifier,
  options: { prereleases?: boolean } = {},
): boolean {
  if (options.prereleases === false && isPrerelease(version) && !specifier.some(namesPrerelease))
    return false;
  return specifier.every((clause) => meets(version, clause));
}

function namesPrerelease(clause: SpecifierClause): boolean {
  return clause.operator !== "!=" && clause.version !== undefined && isPrerelease(clause.version);
}

/** Whether a version meets one clause, pre-releases included. */
export function meets(version: Version, clause: SpecifierClause): boolean {
  const wanted = clause.version;
  if (wanted === undefined) return formatVersion(version).toLowerCase() === clause.text.toLowerCase();
  switch (clause.operator) {
    case "==":
      return equals(version, wanted, clause.isPrefix);
    case "!=":
      return !equals(version, wanted, clause.isPrefix);
    case ">=":
      return comparePublic(version, wanted) >= 0;
    case "<=":
      return comparePublic(version, wanted) <= 0;
    case "~=":
      return (
        comparePublic(version, wanted) >= 0 &&
        hasPrefix(version, { epoch: wanted.epoch, release: wanted.release.slice(0, -1) })
      );
    case "<":
      return isBefore(version, wanted);
    default:
      return isAfter(version, wanted);
  }
}

function equals(version: Version, wanted: Version, isPrefix: boolean): boolean {
  if (isPrefix) return hasPrefix(version, wanted);
  // A public version in the specifier says nothing of the candidate's local part.
  return (
    (wanted.local === undefined ? comparePublic(version, wanted) : compareVersions(version, wanted)) === 0
  );
}

function hasPrefix(version: Version, prefix: Pick<Version, "epoch" | "release">): boolean {
  const start = prefix.release.map((_, i) => version.release[i] ?? 0);
  return `${version.epoch}` === `${prefix.epoch}` && compareRelease(start, prefix.release) === 0;
}

/**
 * PEP 440, "exclusive ordered comparison": `<1.0` leaves out the pre-releases of 1.0 itself, `<1.0.post1` only those of
 * that post-release.
 */
function isBefore(version: Version, wanted: Version): boolean {
  if (comparePublic(version, wanted) >= 0) return false;
  if (isPrerelease(wanted) || !isPrerelease(version) || !isSameRelease(version, wanted)) return true;
  return wanted.post !== undefined && (version.pre !== undefined || `${version.post}` !== `${wanted.post}`);
}

/** The same for `>1.0`, which leaves out 1.0's own post-releases and local versions. */
function isAfter(version: Version, wanted: Version): boolean {
  if (comparePublic(version, wanted) <= 0) return false;
  if (version.post === undefined || wanted.post !== undefined || wanted.dev !== undefined) return true;
  const isSamePhase =
    version.pre?.phase === wanted.pre?.phase && `${version.pre?.number}` === `${wanted.pre?.number}`;
  return !isSamePhase || !isSameRelease(version, wanted);
}

function isSameRelease(a: Version, b: Version): boolean {
  return `${a.epoch}` === `${b.epoch}` && compareRelease(a.release, b.release) === 0;
}

/** One text per meaning, clauses sorted: for showing and for comparing what two files ask for. */
export function formatSpecifier(specifier: Specifier): string {
  const texts = specifier.map((clause) => `${clause.operator}${clause.text}${clause.isPrefix ? ".*" : ""}`);
  return [...new Set(texts)].sort().join(",");
}
