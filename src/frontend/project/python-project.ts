import type { PythonInstall } from "../../graph/definition.ts";
import { DEFAULT_WORKDIR } from "../spec/defaults.ts";
import type { Spec, ToolSettings } from "../spec/schema.ts";
import { pythonInstall, toDefinition, toSettings } from "../spec/to-definition.ts";
import { chooseBase } from "./choose-base.ts";
import { findCommand } from "./command.ts";
import { editableOp } from "./editable-op.ts";
import type { DetectOptions, LoadedProject } from "./loaded-project.ts";
import {
  isFile,
  type ProjectFiles,
  readText,
  readToml,
  stringsOf,
  type Table,
  tableAt,
} from "./project-files.ts";
import { type FoundSource, findSource } from "./python-source.ts";
import { pythonStatements } from "./python-statements.ts";
import { isPackage, type StaticPackage, staticPackage } from "./static-package.ts";
import { readToolSettings } from "./tool-settings.ts";

/**
 * What tools leave in a project and no image needs. `.env` is where secrets are kept. A `!` line of .dockerignore
 * brings any of it back.
 */
const NEVER_COPIED = [
  "**/__pycache__",
  "**/*.pyc",
  "**/.venv",
  "**/.mypy_cache",
  "**/.pytest_cache",
  "**/.ruff_cache",
  "**/.tox",
  "**/.nox",
  "**/.DS_Store",
  "**/.hg",
  "**/.svn",
  "**/node_modules",
  ".env",
  ".netrc",
  // Says which packages are there; a lock that is written later must not change the image.
  "cambium.lock",
];

/**
 * A Python project with no configuration of ours: base, distributions, the project itself as an editable install when
 * it is a package, its files last, a command. `chosen` skips the search: a file that was named.
 * @throws CambiumError see `findSource`, `chooseBase`, `staticPackage`; `SPEC_*` for `[tool.cambium]`.
 */
export async function pythonProject(
  files: ProjectFiles,
  options: DetectOptions,
  chosen?: FoundSource & { readonly onlyFile?: true },
): Promise<LoadedProject> {
  const pyproject = chosen?.onlyFile ? undefined : readToml(files, "pyproject.toml");
  const { settings, where } = await readToolSettings(files, pyproject);
  const found = chosen ?? sourceFromSettings(settings) ?? findSource(files, pyproject);
  const python = pythonOf(found, settings, options);
  const statements = pythonStatements(files, python.source, options.python);
  const chosenBase = chooseBase(statements, namedBase(files, found, settings, options));
  const { own, notices } = ownPackage(files, pyproject, settings, found);
  const command = settings.cmd ?? settings.entrypoint;
  const main = command === undefined ? commandOf(files, found, own) : {};
  const { package: _, python: __, debian: ___, from: ____, ...rest } = settings;
  // Stages that it stands on have a base of their own.
  const base = settings.stage === undefined && settings.diff === undefined ? chosenBase.base : {};
  const apt = settings.apt ?? lockedPackages(files, found);
  const copy = settings.copy ?? (found.kind === "script" && chosen?.onlyFile ? [found.file] : ["."]);
  const spec: Spec = {
    ...{ ...rest, ...base, workdir: settings.workdir ?? DEFAULT_WORKDIR },
    ...(apt.length > 0 && { apt }),
    // The order of steps is all theirs.
    ...((settings.steps === undefined || settings.copy !== undefined) && { copy }),
    ...(main.cmd !== undefined && { cmd: [...main.cmd] }),
  };
  const before = own === undefined ? [] : [await editableOp(own, spec.workdir ?? DEFAULT_WORKDIR)];
  const isBaseSet = isNamed(settings, options) || found.source?.kind === "cambium-lock";
  // Only settings can ask for commands or stages, and to load what reads them takes time.
  const staged =
    Object.keys(settings).length === 0
      ? undefined
      : (await import("./tool-stages.ts")).toolStages(
          files,
          spec,
          where,
          { python, before, isBaseSet },
          options,
        );
  const definition = staged?.definition ?? toDefinition(spec, python, before, where);
  const isGitIgnored = settings.gitignore ?? true;
  return {
    definition,
    ...(staged && { stages: staged.stages }),
    settings: {
      ...toSettings(spec),
      isBaseSet: isNamed(settings, options),
      gitignore: isGitIgnored,
    },
    context: {
      root: files.root,
      ignoreFiles: isGitIgnored ? ["dockerignore", "gitignore"] : ["dockerignore"],
      exclude: [...NEVER_COPIED, ...environments(files)],
    },
    kind: found.kind,
    files: [...files.read, ...sourcePaths(found)]
      .filter((path, index, all) => all.indexOf(path) === index)
      .sort(),
    ...(files.names.has("cambium.lock") && { lockFile: "cambium.lock" }),
    notices: [
      ...found.notices,
      ...(staged ?? chosenBase).notices,
      ...notices,
      ...(main.notice === undefined ? [] : [main.notice]),
    ],
    pythonStatements: statements,
    ...(chosenBase.python !== undefined && { python: chosenBase.python }),
    explanation: [
      found.file,
      chosenBase.explanation,
      ...(own === undefined ? [] : [`${own.name} ${own.version} installed editable`]),
      `runs ${[definition.config.entrypoint, definition.config.cmd].flatMap((argv) => argv ?? []).join(" ") || "nothing"}`,
    ].join("; "),
  };
}

/** Virtual environments by whatever name: each has a pyvenv.cfg (PEP 405). */
function environments(files: ProjectFiles): string[] {
  const names = [...files.names].filter((name) => isFile(files, `${name}/pyvenv.cfg`)).sort();
  // As a pattern that means just this name, whatever characters it has.
  return names.map((name) => `./${name.replace(/[*?[\\]/g, "\\$&")}`);
}

/** A source that `[tool.cambium] python` names itself, beyond extras and groups. */
function sourceFromSettings({ python }: ToolSettings): FoundSource | undefined {
  if (python === undefined) return undefined;
  const { extras: _, groups: __, bytecode: ___, ...sources } = typeof python === "string" ? {} : python;
  if (typeof python !== "string" && Object.keys(sources).length === 0) return undefined;
  const { source } = pythonInstall(python, "pyproject.toml: [tool.cambium]");
  return {
    kind: source.kind === "specifiers" ? "pyproject" : source.kind,
    source,
    file: "pyproject.toml",
    notices: [],
  };
}

function isNamed(settings: ToolSettings, { base }: DetectOptions): boolean {
  return (base ?? settings.from ?? settings.debian) !== undefined;
}

/** A flag comes before the settings, and they before what a lock was made for. */
function namedBase(
  files: ProjectFiles,
  found: FoundSource,
  settings: ToolSettings,
  options: DetectOptions,
): Pick<Spec, "debian" | "from"> {
  if (options.base !== undefined) return { from: options.base };
  if (settings.from !== undefined) return { from: settings.from };
  return settings.debian === undefined ? lockedBase(files, found) : { debian: settings.debian };
}

/** A cambium.lock that stands alone also says what it was made for. Its shape is checked when it is used. */
function lockedBase(files: ProjectFiles, found: FoundSource): Pick<Spec, "debian" | "from"> {
  if (found.source?.kind !== "cambium-lock") return {};
  const lock = readToml(files, found.source.path);
  const { reference } = tableAt(lock, "base");
  if (typeof reference === "string") return { from: reference };
  const { suite, variant } = tableAt(lock, "debian");
  if (suite !== "bookworm" && suite !== "trixie") return {};
  return { debian: { suite, ...(variant === "distroless" && { variant }) } };
}

function lockedPackages(files: ProjectFiles, found: FoundSource): string[] {
  if (found.source?.kind !== "cambium-lock") return [];
  return stringsOf(tableAt(readToml(files, found.source.path), "debian").packages);
}

function pythonOf(found: FoundSource, settings: ToolSettings, options: DetectOptions): PythonInstall {
  const own = typeof settings.python === "object" ? settings.python : {};
  return {
    source: found.source ?? { kind: "specifiers", specifiers: [] },
    extras: [...new Set([...(own.extras ?? []), ...(options.extras ?? [])])].sort(),
    groups: [...new Set([...(own.groups ?? []), ...(options.groups ?? [])])].sort(),
    ...((options.bytecode ?? own.bytecode) === true && { bytecode: true }),
  };
}

/**
 * The project as a package. requirements.txt does not ask for it unless it has `-e .`, so there a project that is not
 * static is only copied, with a notice.
 */
function ownPackage(
  files: ProjectFiles,
  pyproject: Table | undefined,
  settings: ToolSettings,
  found: FoundSource,
): { own?: StaticPackage; notices: readonly string[] } {
  if (pyproject === undefined || found.kind === "script" || found.kind === "files") return { notices: [] };
  if (!isPackage(pyproject, settings.package)) return { notices: unusedScripts(pyproject, settings) };
  const isOptional =
    found.kind === "requirements" && settings.package !== true && !asksForItself(files, found);
  try {
    return { own: staticPackage(files, pyproject), notices: [] };
  } catch (error) {
    if (!isOptional || !(error instanceof Error)) throw error;
    return { notices: [`The project is copied and not installed (${error.message}).`] };
  }
}

/** Commands that are written down and will not be there, because nothing says that the project is to be installed. */
function unusedScripts(pyproject: Table, settings: ToolSettings): readonly string[] {
  const isMeant =
    settings.package === undefined && Object.keys(tableAt(pyproject, "project", "scripts")).length > 0;
  return isMeant
    ? [
        "pyproject.toml: [project.scripts] are not installed, since there is no [build-system]: add one, or set package = true in [tool.cambium].",
      ]
    : [];
}

function asksForItself(files: ProjectFiles, found: FoundSource): boolean {
  return sourcePaths(found).some((path) =>
    /^\s*(-e|--editable)[\s=]+\.\/?(\[[^\]]*\])?\s*(#.*)?$/m.test(readText(files, path) ?? ""),
  );
}

function commandOf(files: ProjectFiles, found: FoundSource, own: StaticPackage | undefined) {
  if (found.kind === "script") return { cmd: ["python", found.file] };
  return findCommand(
    files,
    own && { name: own.name, scripts: Object.keys(own.scripts), modules: own.layout.modules },
  );
}

function sourcePaths({ source }: FoundSource): readonly string[] {
  if (source === undefined || source.kind === "specifiers") return [];
  return source.kind === "requirements" ? source.paths : [source.path];
}
