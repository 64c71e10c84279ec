import { usageError } from "../../errors.ts";
import type { PythonSource } from "../../graph/definition.ts";
import { foreignLock, foreignProject, unsupported } from "./foreign.ts";
import type { ProjectKind } from "./loaded-project.ts";
import { isTable, type ProjectFiles, readText, type Table, tableAt } from "./project-files.ts";

/** Where a project's distributions are written. Without `source` there are none, only files. */
export type FoundSource = {
  readonly kind: ProjectKind;
  readonly file: string;
  readonly source?: PythonSource;
  readonly notices: readonly string[];
};

/** The opening line of inline script metadata (packaging.python.org, inline script metadata). */
const SCRIPT_METADATA = /^# \/\/\/ script\s*$/m;

/**
 * Looks in the order of preference: pylock.toml, uv.lock, poetry.lock, requirements.txt, pyproject.toml, a script with
 * PEP 723 metadata, cambium.lock by itself, a file that is a program. A lock of another tool is an error before a
 * pyproject.toml is resolved anew without it.
 * @throws CambiumError `PROJECT_UNSUPPORTED`, `PROJECT_AMBIGUOUS`, `PROJECT_UNKNOWN`.
 */
export function findSource(files: ProjectFiles, pyproject: Table | undefined): FoundSource {
  return (
    lockedSource(files) ??
    requirementsSource(files) ??
    pyprojectSource(files, pyproject) ??
    scriptSource(files) ??
    lastResort(files)
  );
}

function lockedSource(files: ProjectFiles): FoundSource | undefined {
  const pylock = pylockName(files);
  if (pylock !== undefined) return found("pylock", { kind: "pylock", path: pylock }, pylock);
  for (const [file, kind] of [
    ["uv.lock", "uv-lock"],
    ["poetry.lock", "poetry-lock"],
  ] as const) {
    if (!files.names.has(file)) continue;
    if (files.names.has("pyproject.toml")) return found(kind, { kind, path: file }, file);
    throw usageError(
      "PROJECT_UNSUPPORTED",
      `${file} stands without its pyproject.toml`,
      "Add the pyproject.toml that it was made from.",
    );
  }
  return undefined;
}

function pylockName(files: ProjectFiles): string | undefined {
  if (files.names.has("pylock.toml")) return "pylock.toml";
  const named = [...files.names].filter((name) => /^pylock\.[^.]+\.toml$/.test(name)).sort();
  if (named.length < 2) return named[0];
  throw usageError(
    "PROJECT_AMBIGUOUS",
    `several locks and no pylock.toml: ${named.join(", ")}`,
    `Name one: -f ${named[0]}`,
  );
}

function requirementsSource(files: ProjectFiles): FoundSource | undefined {
  if (!files.names.has("requirements.txt")) return undefined;
  const lock = foreignLock(files);
  const notices = lock === undefined ? [] : [`requirements.txt is used; ${lock.file} is left alone.`];
  return found(
    "requirements",
    { kind: "requirements", paths: ["requirements.txt"] },
    "requirements.txt",
    notices,
  );
}

function pyprojectSource(files: ProjectFiles, pyproject: Table | undefined): FoundSource | undefined {
  const lock = foreignLock(files);
  if (lock !== undefined) throw unsupported(lock);
  if (pyproject === undefined) return undefined;
  if (isTable(pyproject.project))
    return found("pyproject", { kind: "pyproject", path: "pyproject.toml" }, "pyproject.toml");
  if (isTable(tableAt(pyproject, "tool", "poetry").dependencies)) {
    throw usageError(
      "PROJECT_UNSUPPORTED",
      "pyproject.toml has its dependencies in [tool.poetry] and there is no poetry.lock",
      "poetry lock",
    );
  }
  return undefined;
}

function scriptSource(files: ProjectFiles): FoundSource | undefined {
  const scripts = [...files.names]
    .filter((name) => name.endsWith(".py") && SCRIPT_METADATA.test(readText(files, name) ?? ""))
    .sort();
  if (scripts.length > 1) {
    throw usageError(
      "PROJECT_AMBIGUOUS",
      `several scripts with inline metadata: ${scripts.join(", ")}`,
      `Name one: cambium build ${scripts[0]}`,
    );
  }
  const script = scripts[0];
  return script === undefined ? undefined : found("script", { kind: "script", path: script }, script);
}

function lastResort(files: ProjectFiles): FoundSource {
  if (files.names.has("cambium.lock")) {
    return found("cambium-lock", { kind: "cambium-lock", path: "cambium.lock" }, "cambium.lock");
  }
  const foreign = foreignProject(files);
  if (foreign !== undefined) throw unsupported(foreign);
  const program = ["__main__.py", "app.py", "main.py"].find((name) => files.names.has(name));
  if (program !== undefined) return { kind: "files", file: program, notices: [] };
  const shown = [...files.names]
    .filter((name) => !name.startsWith("."))
    .sort()
    .slice(0, 8);
  throw usageError(
    "PROJECT_UNKNOWN",
    `nothing to build in ${files.root}: found ${shown.length === 0 ? "no files" : shown.join(", ")}`,
    "A project has cambium.ts, cambium.yaml, pylock.toml, uv.lock, poetry.lock, requirements.txt, pyproject.toml with [project], or a script with inline metadata. Other names are given with -f.",
  );
}

function found(
  kind: ProjectKind,
  source: PythonSource,
  file: string,
  notices: readonly string[] = [],
): FoundSource {
  return { kind, source, file, notices };
}
