import { formatSpecifier, parseSpecifier, type Specifier } from "../standards/specifier.ts";
import { parseVersion, type Version } from "../standards/version.ts";
import type { PoetryLockFile } from "./poetry-schema.ts";

/**
 * Reads a version constraint of Poetry: alternatives of which one must hold. Beside PEP 440's operators it knows `^1.2`,
 * `~1.2`, `1.*`, a bare version for `==`, spaces for commas, and `||`.
 * @throws CambiumError `SPECIFIER_SYNTAX`, `VERSION_SYNTAX`.
 */
export function parsePoetryConstraint(text: string, where: string): Specifier[] {
  return text.split(/\s*\|\|?\s*/).map((alternative) => {
    const clauses = alternative
      .trim()
      // A space after an operator belongs to its clause, any other separates two.
      .replace(/([<>=!~^])\s+/g, "$1")
      .split(/[\s,]+/)
      .filter((clause) => clause !== "" && clause !== "*");
    return clauses.flatMap((clause) => parseSpecifier(pep440Clause(clause, where), where));
  });
}

function pep440Clause(clause: string, where: string): string {
  const prefix = /^(\^|~)(?!=)(.*)$/.exec(clause);
  if (prefix !== null) {
    const version = parseVersion(prefix[2]!, where);
    const limit = prefix[1] === "^" ? caretLimit(version) : tildeLimit(version);
    return `>=${prefix[2]},<${limit.join(".")}`;
  }
  return /^[<>=!~]/.test(clause) ? clause.replace(/^=(?!=)/, "==") : `==${clause}`;
}

/** The next version that changes the first number that is not zero: `^1.2` ends at 2, `^0.2.3` at 0.3. */
function caretLimit({ release }: Version): string[] {
  const first = release.findIndex((number) => number > 0);
  return increment(release, first === -1 ? release.length - 1 : first);
}

/** The next minor version, or the next major one where no minor is named. */
function tildeLimit({ release }: Version): string[] {
  return increment(release, Math.min(1, release.length - 1));
}

function increment(release: Version["release"], position: number): string[] {
  return release
    .slice(0, position + 1)
    .map((number, i) => String(BigInt(number) + (i === position ? 1n : 0n)));
}

/** A marker that holds for the Pythons of a constraint; `undefined` when it allows all. */
export function pythonMarker(text: string, where: string): string | undefined {
  const alternatives = parsePoetryConstraint(text, where);
  if (alternatives.some((specifier) => specifier.length === 0)) return undefined;
  const texts = alternatives.map((specifier) => {
    const clauses = formatSpecifier(specifier).split(",");
    return clauses
      .map((clause) => clause.replace(/^([<>=!~]+)(.*)$/, "python_full_version $1 '$2'"))
      .join(" and ");
  });
  return texts.join(" or ");
}

/** The Pythons that a lock is for. */
export function pythonsOf(lock: PoetryLockFile, where: string): Specifier[] {
  return parsePoetryConstraint(lock.metadata["python-versions"] ?? "*", `${where}: metadata.python-versions`);
}
