import { usageError } from "../../../errors.ts";
import { parseProjectName } from "../name.ts";

/** What `[project]` says of a project, with values as written there; `version` is normalised. */
export type ProjectMetadata = {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly requiresPython?: string;
  /** Dependency specifiers (PEP 508). */
  readonly dependencies: readonly string[];
  /** Extra → dependency specifiers. */
  readonly optionalDependencies: Readonly<Record<string, readonly string[]>>;
};

/**
 * METADATA of a project (packaging.python.org, core metadata), of the oldest version that has all these fields.
 * `where` says who wrote the values.
 * @throws CambiumError `PROJECT_FIELD` for a value with a line break, which would start a header of its own;
 * `PROJECT_NAME` for an extra that is no name.
 */
export function coreMetadata(project: ProjectMetadata, where: string): string {
  const lines: string[] = [];
  const add = (header: string, value: string, field: string) => {
    assertOneLine(value, field, where);
    lines.push(`${header}: ${value}\n`);
  };
  add("Metadata-Version", "2.1", "version");
  add("Name", project.name, "project.name");
  add("Version", project.version, "project.version");
  if (project.description !== undefined) add("Summary", project.description, "project.description");
  if (project.requiresPython !== undefined) {
    add("Requires-Python", project.requiresPython, "project.requires-python");
  }
  for (const specifier of project.dependencies) add("Requires-Dist", specifier, "project.dependencies");
  for (const [extra, specifiers] of Object.entries(project.optionalDependencies)) {
    const field = `project.optional-dependencies.${extra}`;
    const name = parseProjectName(extra, `${where}: project.optional-dependencies`);
    add("Provides-Extra", name, field);
    for (const specifier of specifiers) add("Requires-Dist", withExtra(specifier, name), field);
  }
  return lines.join("");
}

/** @throws CambiumError `PROJECT_FIELD`. */
export function assertOneLine(value: string, field: string, where: string): void {
  if (!/[\r\n\0]/.test(value)) return;
  throw usageError(
    "PROJECT_FIELD",
    `${where}: ${field} is ${JSON.stringify(value)}`,
    "Write it in one line: it becomes one line of the installed metadata.",
  );
}

/** Adds `extra == "…"` to a dependency specifier, keeping its own marker (PEP 508: after a URL the `;` needs a space). */
function withExtra(specifier: string, extra: string): string {
  const isUrl = specifier.includes("://");
  const separator = (isUrl ? /\s;/ : /;/).exec(specifier);
  const condition = `extra == "${extra}"`;
  if (separator === null) return `${specifier.trim()}${isUrl ? " " : ""}; ${condition}`;
  const before = specifier.slice(0, separator.index).trim();
  const marker = specifier.slice(separator.index + separator[0].length).trim();
  const own = /\bor\b/.test(marker) ? `(${marker})` : marker;
  return `${before}${isUrl ? " " : ""}; ${own} and ${condition}`;
}
