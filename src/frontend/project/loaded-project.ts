import type { IgnoreFileKind } from "../../context/walk.ts";
import type { DefinedStages } from "../../graph/defined-stages.ts";
import type { Definition } from "../../graph/definition.ts";
import type { SpecSettings } from "../spec/to-definition.ts";
import type { PythonStatement } from "./suite.ts";

/** What a project was recognised by. `files`: Python files without any dependencies written down. */
export type ProjectKind =
  | "builder"
  | "spec"
  | "cambium-lock"
  | "pylock"
  | "uv-lock"
  | "poetry-lock"
  | "requirements"
  | "pyproject"
  | "script"
  | "files";

/** How the build context of a project is to be walked: the options of `walkContext`. */
export type ContextSettings = {
  readonly root: string;
  readonly ignoreFiles: readonly IgnoreFileKind[];
  readonly exclude: readonly string[];
};

export type LoadedStages = DefinedStages & {
  /** Of stages with packages, by number. */
  readonly pythons: ReadonlyMap<number, StagePython>;
};

/** What the project says of the Python of a stage, and which one follows: `X.Y`, where that is known. */
export type StagePython = {
  readonly statements: readonly PythonStatement[];
  readonly version?: string;
};

/** A project, read: all that a build needs to know of what people wrote. */
export type LoadedProject = {
  readonly definition: Definition;
  /** Of an image in stages; `definition` is then only what the image's own packages are. */
  readonly stages?: LoadedStages;
  readonly settings: SpecSettings;
  readonly context: ContextSettings;
  readonly kind: ProjectKind;
  /** Inputs that were read, relative to the context, sorted. */
  readonly files: readonly string[];
  /** `cambium.lock`, when it stands beside: it pins what `definition` asks for. */
  readonly lockFile?: string;
  readonly notices: readonly string[];
  /** `X.Y` of the chosen base, where that is known without reading it. */
  readonly python?: string;
  /** What the project says about its Python, which an image of a registry must meet once it is read. */
  readonly pythonStatements: readonly PythonStatement[];
  /** One line: what was found and what follows from it. */
  readonly explanation: string;
};

export type DetectOptions = {
  /** `-f`: a definition, a lock or a requirements file; absolute, or relative to the project. */
  readonly file?: string;
  readonly extras?: readonly string[];
  readonly groups?: readonly string[];
  /** Whether modules are compiled, before what the project says. */
  readonly bytecode?: boolean;
  /** `X.Y`: the Python to build for, before what the project says. */
  readonly python?: string;
  /** `--base`: an image of a registry, before what the project says. */
  readonly base?: string;
  /** What `import "cambium"` in a `cambium.ts` gives; default: this package's own. */
  readonly apiUrl?: string;
};
