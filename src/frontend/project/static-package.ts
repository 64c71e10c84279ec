import { notStatic } from "./not-static.ts";
import { type PackageLayout, packageLayout } from "./package-layout.ts";
import { staticVersion } from "./package-version.ts";
import { isTable, type ProjectFiles, readText, stringsOf, type Table, tableAt } from "./project-files.ts";

/** A pure-Python project whose installed form follows from its files alone. Names and values as written. */
export type StaticPackage = {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly requiresPython?: string;
  readonly dependencies: readonly string[];
  readonly optionalDependencies: Readonly<Record<string, readonly string[]>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly guiScripts: Readonly<Record<string, string>>;
  /** Group → name → object reference. */
  readonly entryPoints: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly layout: PackageLayout;
};

/** Backends that put a pure-Python tree into a wheel as it is. */
const STATIC_BACKENDS = [
  "setuptools.build_meta",
  "hatchling.build",
  "flit_core.buildapi",
  "poetry.core.masonry.api",
  "pdm.backend",
  "uv_build",
];

/** Build requirements that mean that something is compiled or generated. */
const COMPILERS =
  /^(cython|cffi|pybind11|nanobind|numpy|oldest-supported-numpy|mypy|mypyc|swig|cmake|ninja|meson|setuptools-rust|hatch-cython|hatch-mypyc|grpcio-tools)$/;

/** Metadata that decides what an installation looks like; other dynamic fields (readme, classifiers) are left out. */
const DECIDING_FIELDS = ["dependencies", "optional-dependencies", "scripts", "gui-scripts", "entry-points"];

/** Whether the project means to be installed: uv's rule (a build system, unless told), and Poetry's package-mode. */
export function isPackage(pyproject: Table, setting: boolean | undefined): boolean {
  if (setting !== undefined) return setting;
  const uv = tableAt(pyproject, "tool", "uv").package;
  if (typeof uv === "boolean") return uv;
  const poetry = tableAt(pyproject, "tool", "poetry");
  if (poetry["package-mode"] === false) return false;
  const hasMetadata = isTable(pyproject.project) || poetry.name !== undefined;
  return hasMetadata && isTable(pyproject["build-system"]);
}

/**
 * What an editable install needs to know of the project, read without running any of it.
 * @throws CambiumError `PROJECT_NOT_STATIC` naming the field that only a build backend could tell.
 */
export function staticPackage(files: ProjectFiles, pyproject: Table): StaticPackage {
  const backend = backendOf(files, pyproject);
  const project = isTable(pyproject.project) ? pyproject.project : poetryProject(pyproject);
  const name = project.name;
  if (typeof name !== "string" || name === "") throw notStatic("project.name", "is missing");
  const dynamic = stringsOf(project.dynamic);
  const field = DECIDING_FIELDS.find(
    (candidate) => dynamic.includes(candidate) && !isDeclaredFile(pyproject, candidate),
  );
  if (field !== undefined) throw notStatic("project.dynamic", `has ${JSON.stringify(field)}`);
  const layout = packageLayout(files, pyproject, name, backend);
  const version =
    typeof project.version === "string" ? project.version : staticVersion(files, pyproject, backend, layout);
  if (version === undefined) {
    throw notStatic("project.version", `is made by ${backend} when it builds, from what is in no file`);
  }
  return {
    name,
    version,
    ...(typeof project.description === "string" && { description: project.description }),
    ...(typeof project["requires-python"] === "string" && { requiresPython: project["requires-python"] }),
    dependencies: stringsOf(project.dependencies),
    optionalDependencies: Object.fromEntries(
      Object.entries(tableAt(project, "optional-dependencies")).map(([extra, list]) => [
        extra,
        stringsOf(list),
      ]),
    ),
    scripts: textTable(project.scripts),
    guiScripts: textTable(project["gui-scripts"]),
    entryPoints: Object.fromEntries(
      Object.entries(tableAt(project, "entry-points")).map(([group, table]) => [group, textTable(table)]),
    ),
    layout,
  };
}

function backendOf(files: ProjectFiles, pyproject: Table): string {
  const system = tableAt(pyproject, "build-system");
  const backend =
    typeof system["build-backend"] === "string" ? system["build-backend"] : "setuptools.build_meta";
  if (system["backend-path"] !== undefined) {
    throw notStatic(
      "build-system.backend-path",
      "names a backend inside the project, which would have to run",
    );
  }
  // Older names of the same backends.
  const known = backend
    .replace(/^poetry\.masonry\.api$/, "poetry.core.masonry.api")
    .replace(/:__legacy__$/, "");
  if (!STATIC_BACKENDS.includes(known)) {
    throw notStatic(
      "build-system.build-backend",
      `is ${JSON.stringify(backend)}, which builds in its own way`,
    );
  }
  const compiler = stringsOf(system.requires).find((text) => COMPILERS.test(requirementName(text)));
  if (compiler !== undefined)
    throw notStatic("build-system.requires", `has ${JSON.stringify(compiler)}, a compiler`);
  assertNoHooks(pyproject);
  if (known === "setuptools.build_meta") assertPlainSetup(files);
  return known;
}

function assertNoHooks(pyproject: Table): void {
  const hooks: readonly (readonly [field: string, value: unknown])[] = [
    ["tool.setuptools.ext-modules", tableAt(pyproject, "tool", "setuptools")["ext-modules"]],
    ["tool.setuptools.cmdclass", tableAt(pyproject, "tool", "setuptools").cmdclass],
    ["tool.hatch.build.hooks", tableAt(pyproject, "tool", "hatch", "build").hooks],
    [
      "tool.hatch.build.targets.wheel.hooks",
      tableAt(pyproject, "tool", "hatch", "build", "targets", "wheel").hooks,
    ],
    ["tool.poetry.build", tableAt(pyproject, "tool", "poetry").build],
    ["tool.pdm.build.run-setuptools", tableAt(pyproject, "tool", "pdm", "build")["run-setuptools"]],
    ["tool.pdm.build.custom-hook", tableAt(pyproject, "tool", "pdm", "build")["custom-hook"]],
  ];
  const hook = hooks.find(([, value]) => value !== undefined && value !== false);
  if (hook !== undefined) throw notStatic(hook[0], "runs code when the project is built");
}

/** A setup.py that only calls `setup()` says nothing; any other would have to run. */
function assertPlainSetup(files: ProjectFiles): void {
  const text = files.names.has("setup.py") ? readText(files, "setup.py") : undefined;
  if (text === undefined) return;
  const statements = text
    .replace(/#.*$/gm, "")
    .replace(/^\s*("""|''')[\s\S]*?\1/, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("\n");
  const plain =
    /^(from setuptools import setup|import setuptools)\n(if __name__ == ["']__main__["']:\n)?(setuptools\.)?setup\(\)$/;
  if (!plain.test(statements))
    throw notStatic("setup.py", "is more than a bare setup(), and would have to run");
}

/** setuptools reads dynamic dependencies from files that it names; the resolver reads them too. */
function isDeclaredFile(pyproject: Table, field: string): boolean {
  const declared = tableAt(pyproject, "tool", "setuptools", "dynamic")[field];
  return isTable(declared) && (declared.file !== undefined || Object.values(declared).every(isTable));
}

/** Poetry's older tables in the form of `[project]`. Its dependencies stay out: their grammar is Poetry's own. */
function poetryProject(pyproject: Table): Table {
  const poetry = tableAt(pyproject, "tool", "poetry");
  const scripts = Object.fromEntries(
    Object.entries(tableAt(poetry, "scripts")).map(([name, script]) => [
      name,
      isTable(script) && script.type !== "file" ? (script.reference ?? script.callable) : script,
    ]),
  );
  return { ...poetry, scripts, "entry-points": tableAt(poetry, "plugins"), dependencies: [], dynamic: [] };
}

function textTable(value: unknown): Record<string, string> {
  if (!isTable(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function requirementName(text: string): string {
  return (/^[A-Za-z0-9._-]+/.exec(text.trim())?.[0] ?? "").toLowerCase().replace(/[-_.]+/g, "-");
}
