import { statSync } from "node:fs";
import { basename, dirname, isAbsolute, relative, resolve } from "node:path";
import { usageError } from "../../errors.ts";
import type { DefinedStages } from "../../graph/defined-stages.ts";
import type { Base, PythonInstall } from "../../graph/definition.ts";
import { sourceByName } from "../spec/to-definition.ts";
import type { LoadedSpec } from "../spec/to-loaded-spec.ts";
import type { ProjectForm } from "./flags.ts";
import type { DetectOptions, LoadedProject } from "./loaded-project.ts";
import { openProject, type ProjectFiles, readText } from "./project-files.ts";
import { pythonProject } from "./python-project.ts";
import { packagesOf, settledPackages, settledStages } from "./settled-stages.ts";

/** Names in the order of preference. */
const BUILDER_FILES = ["cambium.ts", "cambium.mts", "cambium.js", "cambium.mjs"];
const SPEC_FILES = ["cambium.yaml", "cambium.yml"];
const DOCKERFILES = ["Dockerfile", "Containerfile"];
const OWN_FILES = [...BUILDER_FILES, ...SPEC_FILES, ...DOCKERFILES];

/**
 * Reads what is to be built from a project's folder, or from one script with inline metadata. In this order:
 * `cambium.ts`, `cambium.yaml`, a Dockerfile, Python files. Nothing of the project runs but a `cambium.ts`.
 * @throws CambiumError `CONTEXT_MISSING`, `PROJECT_UNKNOWN`, `PROJECT_UNSUPPORTED`,
 * `PROJECT_AMBIGUOUS`, `PROJECT_NOT_STATIC`, `PYTHON_UNAVAILABLE`, `TOML_SYNTAX`, `SPEC_*`, `BUILDER_*`.
 */
export async function detectProject(path: string, options: DetectOptions = {}): Promise<LoadedProject> {
  if (path.endsWith(".py") && statSync(path, { throwIfNoEntry: false })?.isFile() === true) {
    const file = basename(path);
    return pythonProject(openProject(dirname(path)), options, {
      kind: "script",
      source: { kind: "script", path: file },
      file,
      notices: [],
      onlyFile: true,
    });
  }
  const files = openProject(path);
  if (options.file !== undefined) return fromFile(files, relativeTo(path, options.file), options);
  const own = OWN_FILES.find((name) => files.names.has(name));
  return own === undefined ? pythonProject(files, options) : fromFile(files, own, options);
}

/** What is to be built, and for a Dockerfile which: an absolute path. */
export type FoundForm =
  | { readonly form: Exclude<ProjectForm, "dockerfile"> }
  | { readonly form: "dockerfile"; readonly file: string };

/** Looks at names alone: the one that `-f` gives, or those in the folder in their order of preference. */
export function findForm(path: string, file: string | undefined): FoundForm {
  const own = file ?? ownFile(path);
  if (own === undefined) return { form: "python" };
  if (isDockerfile(own)) return { form: "dockerfile", file: resolve(path, own) };
  const isSpec = isBuilderFile(own) || isSpecFile(own);
  return { form: isSpec ? "spec" : "python" };
}

function ownFile(path: string): string | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  const { names } = openProject(path);
  return OWN_FILES.find((name) => names.has(name));
}

function isBuilderFile(file: string): boolean {
  return /\.[cm]?[jt]s$/.test(basename(file));
}

function isSpecFile(file: string): boolean {
  return /\.ya?ml$/.test(basename(file));
}

function isDockerfile(file: string): boolean {
  return /^(Dockerfile|Containerfile)(\.|$)|\.(Dockerfile|Containerfile)$/i.test(basename(file));
}

function relativeTo(root: string, file: string): string {
  return isAbsolute(file) ? relative(resolve(root), file) : file;
}

async function fromFile(files: ProjectFiles, file: string, options: DetectOptions): Promise<LoadedProject> {
  const name = basename(file);
  if (isDockerfile(name)) throw notPackages(file);
  if (isBuilderFile(name)) {
    const { loadBuilderFile } = await import("../spec/load-builder.ts");
    return fromSpec(
      files,
      file,
      "builder",
      await loadBuilderFile(resolve(files.root, file), options.apiUrl),
      options,
    );
  }
  const text = readText(files, file);
  if (text === undefined)
    throw usageError("PROJECT_FILE_MISSING", `no such file: ${file}`, "Check the name behind -f.");
  if (isSpecFile(name)) {
    const { parseSpecYaml } = await import("../spec/yaml.ts");
    return fromSpec(files, file, "spec", parseSpecYaml(text, file), options);
  }
  const source = sourceByName(file, "-f");
  return pythonProject(files, options, {
    kind: source.kind === "specifiers" ? "requirements" : source.kind,
    source,
    file,
    notices: [],
  });
}

function fromSpec(
  files: ProjectFiles,
  file: string,
  kind: "builder" | "spec",
  { definition, settings, stages }: LoadedSpec,
  options: DetectOptions,
): LoadedProject {
  const { isBaseSet } = settings;
  const main = settledPackages(files, { ...definition, isBaseSet, forCommands: [] }, options);
  const { base, python, chosen } = main;
  const own = stages && settledStages(files, stages, options);
  const loadedStages = own?.stages;
  return {
    definition: { ...definition, base, ...(python && { python }) },
    ...(loadedStages && { stages: loadedStages }),
    settings: { ...settings, isBaseSet: main.isBaseSet },
    context: {
      root: files.root,
      ignoreFiles: settings.gitignore ? ["dockerignore", "gitignore"] : ["dockerignore"],
      exclude: [],
    },
    kind,
    files: [
      ...new Set([
        ...[file, ...files.read, ...pathsOf(python)],
        ...(loadedStages?.stages ?? []).flatMap((stage) => pathsOf(packagesOf(stage)?.python)),
      ]),
    ].sort(),
    ...(files.names.has("cambium.lock") && { lockFile: "cambium.lock" }),
    notices: own?.notices ?? chosen?.notices ?? [],
    pythonStatements: main.stated,
    ...(chosen?.python !== undefined && { python: chosen.python }),
    explanation: `${file}; ${explained(base, chosen?.explanation, loadedStages)}`,
  };
}

function explained(base: Base, chosen: string | undefined, stages: DefinedStages | undefined): string {
  const own = stages?.stages[stages.target]?.base;
  if (own?.kind === "stage") return `stage ${stages?.stages[own.stage]?.name}`;
  if (own !== undefined && own.kind !== "packages") return own.kind;
  return chosen ?? (base.kind === "debian" ? `Debian ${base.suite}` : base.reference);
}

function pathsOf(python: PythonInstall | undefined): readonly string[] {
  if (python === undefined) return [];
  const { source } = python;
  if (source.kind === "specifiers") return [];
  return source.kind === "requirements" ? source.paths : [source.path];
}

function notPackages(file: string): Error {
  return usageError(
    "PROJECT_UNSUPPORTED",
    `${file}: a Dockerfile is no list of packages`,
    "Name the Python project behind it, as in -f requirements.txt or -f pyproject.toml.",
  );
}
