import { type CambiumError, usageError } from "../../errors.ts";
import type { ProjectFiles } from "./project-files.ts";

type Foreign = {
  readonly file: string;
  readonly what: string;
  readonly hint: string;
  /** A lock stands for choices that must not be made again silently, so it comes before a bare pyproject.toml. */
  readonly isLock: boolean;
};

/** What other tools leave in a folder, with the way to something that is understood. */
const FOREIGN: readonly Foreign[] = [
  {
    file: "pdm.lock",
    what: "a PDM lock",
    hint: "pdm export --format pylock --output pylock.toml",
    isLock: true,
  },
  {
    file: "pixi.lock",
    what: "a pixi lock, whose conda packages have no wheels",
    hint: "List what comes from the Python index in requirements.txt or [project] and name it with -f.",
    isLock: true,
  },
  {
    file: "Pipfile.lock",
    what: "a Pipenv lock",
    hint: "pipenv requirements --hash > requirements.txt",
    isLock: true,
  },
  {
    file: "conda-lock.yml",
    what: "a conda lock",
    hint: "List what comes from the Python index in requirements.txt.",
    isLock: true,
  },
  {
    file: "Pipfile",
    what: "a Pipenv project without lock",
    hint: "pipenv lock && pipenv requirements --hash > requirements.txt",
    isLock: false,
  },
  {
    file: "pixi.toml",
    what: "a pixi project",
    hint: "List what comes from the Python index in requirements.txt.",
    isLock: false,
  },
  {
    file: "environment.yml",
    what: "a conda environment",
    hint: "List what comes from the Python index in requirements.txt.",
    isLock: false,
  },
  {
    file: "environment.yaml",
    what: "a conda environment",
    hint: "List what comes from the Python index in requirements.txt.",
    isLock: false,
  },
  {
    file: "setup.py",
    what: "a project whose dependencies are only known by running setup.py",
    hint: "Write them into pyproject.toml or requirements.txt.",
    isLock: false,
  },
  {
    file: "setup.cfg",
    what: "a project described in setup.cfg alone",
    hint: "Write its dependencies into pyproject.toml or requirements.txt.",
    isLock: false,
  },
  {
    file: "package.json",
    what: "a Node project",
    hint: "Node projects come later; cambium.yaml with `copy:` puts files into an image now.",
    isLock: false,
  },
];

/** The first lock of another tool in the folder. */
export function foreignLock(files: ProjectFiles): Foreign | undefined {
  return FOREIGN.find(({ file, isLock }) => isLock && files.names.has(file));
}

/** Anything of another tool in the folder. */
export function foreignProject(files: ProjectFiles): Foreign | undefined {
  return FOREIGN.find(({ file }) => files.names.has(file));
}

export function unsupported(foreign: Foreign): CambiumError {
  return usageError("PROJECT_UNSUPPORTED", `${foreign.file} is ${foreign.what}`, foreign.hint);
}
