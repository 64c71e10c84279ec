import { CambiumError, usageError } from "../../errors.ts";

/** A binary package's name (Debian Policy §5.6.7). Only `parsePackageName` makes one from text of outside. */
export type PackageName = string & { readonly __packageName: true };

/** `(>= 2.36)` of a dependency; the operators are those of Debian Policy §7.1. */
export type Relation = { readonly operator: "<<" | "<=" | "=" | ">=" | ">>"; readonly version: string };

/** One alternative of a dependency field. `qualifier` is what follows a colon, such as `any`. */
export type Dependency = {
  readonly name: string;
  readonly qualifier?: string;
  readonly relation?: Relation;
};

/** Alternatives in order of preference: one of them is enough. */
export type DependencyGroup = readonly Dependency[];

const NAME = /^[a-z0-9][a-z0-9+.-]+$/;
// Debian Policy §7.1: name, optional :qualifier, optional (operator version). `<` and `>` are older spellings.
const DEPENDENCY =
  /^([a-z0-9][a-z0-9+.-]*)(?::([a-z0-9-]+))?(?:\s*\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s()<=>]+)\s*\))?$/;

/** @throws CambiumError `DEBIAN_NAME_SYNTAX`; `where` says who wrote it. */
export function parsePackageName(text: string, where: string): PackageName {
  if (NAME.test(text)) return text as PackageName;
  throw usageError(
    "DEBIAN_NAME_SYNTAX",
    `${where}: not a Debian package name: ${JSON.stringify(text)}`,
    "Names have lower-case letters, digits, +, - and dots; versions and architectures are chosen by the lock.",
  );
}

/**
 * A dependency field (`Depends`, `Provides`, `Conflicts`, …), empty text meaning none.
 * @throws CambiumError `DEBIAN_DEPENDENCY_SYNTAX`; `where` names the package and field.
 */
export function parseDependencies(text: string, where: string): DependencyGroup[] {
  const groups: DependencyGroup[] = [];
  for (const part of text.split(",")) {
    const group = part.trim();
    if (group === "") continue;
    groups.push(group.split("|").map((alternative) => parseDependency(alternative.trim(), where)));
  }
  return groups;
}

function parseDependency(text: string, where: string): Dependency {
  const match = DEPENDENCY.exec(text);
  const name = match?.[1];
  if (match === null || name === undefined) {
    throw new CambiumError("DEBIAN_DEPENDENCY_SYNTAX", `${where}: not a dependency: ${JSON.stringify(text)}`);
  }
  const [, , qualifier, operator, version] = match;
  return {
    name,
    ...(qualifier === undefined ? {} : { qualifier }),
    ...(operator === undefined || version === undefined
      ? {}
      : { relation: { operator: modernOperator(operator), version } }),
  };
}

/** `<` and `>` mean `<=` and `>=` (Debian Policy §7.1, note on obsolete forms). */
function modernOperator(operator: string): Relation["operator"] {
  if (operator === "<") return "<=";
  if (operator === ">") return ">=";
  return operator as Relation["operator"];
}

/** As a control file has it: `libc6 (>= 2.36)`, alternatives joined by ` | `. */
export function formatDependencies(group: DependencyGroup): string {
  return group
    .map(({ name, relation }) =>
      relation === undefined ? name : `${name} (${relation.operator} ${relation.version})`,
    )
    .join(" | ");
}
