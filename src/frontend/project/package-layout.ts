import { dirname, join, normalize } from "node:path/posix";
import { notStatic } from "./not-static.ts";
import {
  isDirectory,
  isFile,
  isInside,
  isTable,
  namesIn,
  type ProjectFiles,
  stringsOf,
  type Table,
  tableAt,
} from "./project-files.ts";

/**
 * Where a project's import packages are. `roots` are the folders that go on the path, relative to the project, "" for
 * the project itself; `modules` the import packages or modules in them, as paths without `.py`.
 */
export type PackageLayout = { readonly roots: readonly string[]; readonly modules: readonly string[] };

/** Folders that setuptools' discovery of flat layouts passes over, and others that hold no code to import. */
const NOT_PACKAGES =
  /^(tests?|testing|docs?|examples?|scripts|tools|util|utils|build|benchmarks?|dist|node_modules|venv|env|bin|requirements)$/;

/**
 * Reads the backend's own settings; else looks for `src/NAME`, `NAME`, then for any package in `src` and in the project.
 * @throws CambiumError `PROJECT_NOT_STATIC` when there is none.
 */
export function packageLayout(
  files: ProjectFiles,
  pyproject: Table,
  name: string,
  backend: string,
): PackageLayout {
  const layout =
    declared(pyproject, backend) ?? named(files, name) ?? discovered(files, "src") ?? discovered(files, "");
  if (layout === undefined) {
    const module = moduleName(name);
    throw notStatic(
      "project.name",
      `is ${JSON.stringify(name)}, but there is no src/${module}, ${module} or ${module}.py`,
    );
  }
  const missing = layout.roots.find((root) => !isInside(root) || (root !== "" && !isDirectory(files, root)));
  if (missing !== undefined)
    throw notStatic(`the package folder ${JSON.stringify(missing)}`, "is not in the project");
  return layout;
}

function declared(pyproject: Table, backend: string): PackageLayout | undefined {
  switch (backend) {
    case "setuptools.build_meta": {
      const setuptools = tableAt(pyproject, "tool", "setuptools");
      const where = stringsOf(tableAt(setuptools, "packages", "find").where);
      const root = tableAt(setuptools, "package-dir")[""];
      if (where.length > 0) return rootsOnly(where);
      return typeof root === "string" ? rootsOnly([root]) : undefined;
    }
    case "hatchling.build": {
      const packages = stringsOf(tableAt(pyproject, "tool", "hatch", "build", "targets", "wheel").packages);
      return packages.length === 0 ? undefined : fromModules(packages);
    }
    case "poetry.core.masonry.api": {
      const packages = tableAt(pyproject, "tool", "poetry").packages;
      if (!Array.isArray(packages)) return undefined;
      return fromModules(
        packages
          .filter(isTable)
          .flatMap(({ include, from }) =>
            typeof include !== "string"
              ? []
              : [join(typeof from === "string" ? from : "", include.replace(/[/\\]?\*.*$/, ""))],
          ),
      );
    }
    case "uv_build": {
      const settings = tableAt(pyproject, "tool", "uv", "build-backend");
      const root = typeof settings["module-root"] === "string" ? settings["module-root"] : "src";
      const module = settings["module-name"];
      const modules = typeof module === "string" ? [module] : stringsOf(module);
      // Without a name uv takes the project's, which the general search finds in the default root too.
      if (modules.length === 0) return root === "src" ? undefined : rootsOnly([root]);
      return { roots: [clean(root)], modules: modules.map((one) => join(clean(root), ...one.split("."))) };
    }
    default:
      return undefined;
  }
}

function rootsOnly(roots: readonly string[]): PackageLayout {
  return { roots: roots.map(clean), modules: [] };
}

function fromModules(paths: readonly string[]): PackageLayout | undefined {
  const modules = paths.map(clean).filter((path) => path !== "");
  if (modules.length === 0) return undefined;
  return { roots: [...new Set(modules.map((path) => clean(dirname(path))))].sort(), modules };
}

function named(files: ProjectFiles, name: string): PackageLayout | undefined {
  // A namespace package such as zope.interface lies in zope/interface.
  const candidates = [...new Set([moduleName(name), name, name.replaceAll(".", "/").replaceAll("-", "_")])];
  for (const root of ["src", ""]) {
    for (const candidate of candidates) {
      const path = join(root, candidate);
      if (isDirectory(files, path) || isFile(files, `${path}.py`)) return { roots: [root], modules: [path] };
    }
  }
  return undefined;
}

function discovered(files: ProjectFiles, root: string): PackageLayout | undefined {
  const modules = namesIn(files, root === "" ? "." : root)
    .filter((name) => !NOT_PACKAGES.test(name) && isFile(files, join(root, name, "__init__.py")))
    .map((name) => join(root, name));
  return modules.length === 0 ? undefined : { roots: [root], modules };
}

function moduleName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, "_");
}

/** "" for the project itself. */
function clean(path: string): string {
  const plain = normalize(path).replace(/\/+$/, "");
  return plain === "." ? "" : plain;
}
