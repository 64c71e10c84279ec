import { join } from "node:path/posix";
import type { PackageLayout } from "./package-layout.ts";
import { isInside, isTable, type ProjectFiles, readText, type Table, tableAt } from "./project-files.ts";

/** An assignment of a plain string at the left margin, which is all that backends read without importing. */
const ASSIGNMENT = /^(?:__version__|VERSION|version)\s*(?::\s*\w+\s*)?=\s*(["'])([^"'\n]+)\1\s*(?:#.*)?$/m;

/**
 * A version that is dynamic and still in a file: hatchling's `path`, setuptools' `attr` and `file`, flit's
 * `__version__`, PDM's `file`. Undefined when only a build could tell, as for versions from git tags.
 */
export function staticVersion(
  files: ProjectFiles,
  pyproject: Table,
  backend: string,
  layout: PackageLayout,
): string | undefined {
  switch (backend) {
    case "hatchling.build": {
      const { path, source, pattern } = tableAt(pyproject, "tool", "hatch", "version");
      if ((source !== undefined && source !== "regex") || pattern !== undefined) return undefined;
      return typeof path === "string" ? assigned(files, path) : undefined;
    }
    case "setuptools.build_meta": {
      const version = tableAt(pyproject, "tool", "setuptools", "dynamic").version;
      if (!isTable(version)) return undefined;
      const file = Array.isArray(version.file) ? version.file[0] : version.file;
      if (typeof file === "string")
        return isInside(file) ? readText(files, file)?.trim() || undefined : undefined;
      return typeof version.attr === "string" ? attribute(files, version.attr, layout) : undefined;
    }
    case "flit_core.buildapi": {
      const module = layout.modules[0];
      return module === undefined
        ? undefined
        : (assigned(files, `${module}/__init__.py`) ?? assigned(files, `${module}.py`));
    }
    case "pdm.backend": {
      const { source, path } = tableAt(pyproject, "tool", "pdm", "version");
      return source === "file" && typeof path === "string" ? assigned(files, path) : undefined;
    }
    default:
      return undefined;
  }
}

/** `pkg.module.NAME`: the module's file, then a literal assignment of that name. */
function attribute(files: ProjectFiles, attr: string, layout: PackageLayout): string | undefined {
  const parts = attr.split(".");
  const name = parts.pop()!;
  for (const root of layout.roots) {
    const base = join(root, ...parts);
    for (const path of [`${base}.py`, `${base}/__init__.py`]) {
      const text = isInside(path) ? readText(files, path) : undefined;
      const match =
        text === undefined
          ? null
          : new RegExp(ASSIGNMENT.source.replace("__version__|VERSION|version", escapeName(name)), "m").exec(
              text,
            );
      if (match !== null) return match[2];
    }
  }
  return undefined;
}

function escapeName(name: string): string {
  return /^\w+$/.test(name) ? name : "(?!)";
}

function assigned(files: ProjectFiles, path: string): string | undefined {
  const text = isInside(path) ? readText(files, path) : undefined;
  return text === undefined ? undefined : ASSIGNMENT.exec(text)?.[2];
}
