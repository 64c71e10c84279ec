import type { DefinedStage, DefinedStages, PackageSet } from "../../graph/defined-stages.ts";
import type { Base, PythonInstall } from "../../graph/definition.ts";
import type { Spec } from "../spec/schema.ts";
import { fullReference } from "../spec/to-definition.ts";
import { type BaseOwner, chooseBase, ownerOf } from "./choose-base.ts";
import type { DetectOptions, LoadedStages, StagePython } from "./loaded-project.ts";
import type { ProjectFiles } from "./project-files.ts";
import { pythonStatements } from "./python-statements.ts";

/** Packages on the base that was named, else on the one that follows from the project's Python. */
export function settledPackages(
  files: ProjectFiles,
  { base, python: written, isBaseSet, forCommands }: Omit<PackageSet, "users">,
  options: DetectOptions,
  whose?: BaseOwner,
) {
  const python = written && withOptions(written, options);
  const stated = python === undefined ? [] : pythonStatements(files, python.source, options.python);
  const named = options.base === undefined ? namedBase(base, isBaseSet) : { from: options.base };
  const isOpen = python === undefined && named === undefined;
  const chosen = isOpen ? undefined : chooseBase(stated, named ?? {}, whose);
  return {
    ...{ python, stated, chosen, isBaseSet: named !== undefined },
    base: chosen === undefined ? base : rebased(base, chosen.base, forCommands),
  };
}

/** Each stage's packages settled. Flags speak of the image's own; which Python is built for holds for all. */
export function settledStages(
  files: ProjectFiles,
  stages: DefinedStages,
  options: DetectOptions,
): { readonly stages: LoadedStages; readonly notices: readonly string[] } {
  const pythons = new Map<number, StagePython>();
  const notices: string[] = [];
  const others = options.python === undefined ? {} : { python: options.python };
  const all = stages.stages.map((stage, index): DefinedStage => {
    const packages = packagesOf(stage);
    if (packages === undefined) return stage;
    const own = stage.isImage ? options : others;
    const { base, python, stated, chosen, isBaseSet } = settledPackages(files, packages, own, ownerOf(stage));
    const version = chosen?.python;
    pythons.set(index, { statements: stated, ...(version !== undefined && { version }) });
    notices.push(...(chosen?.notices ?? []));
    const { users, forCommands } = packages;
    const settled = { base, users, isBaseSet, forCommands, ...(python && { python }) };
    return { ...stage, base: { kind: "packages", packages: settled } };
  });
  return { stages: { stages: all, target: stages.target, pythons }, notices };
}

export function packagesOf({ base }: DefinedStage): PackageSet | undefined {
  return base.kind === "packages" ? base.packages : undefined;
}

function namedBase(base: Base, isBaseSet: boolean): Pick<Spec, "debian" | "from"> | undefined {
  if (!isBaseSet) return undefined;
  return base.kind === "image" ? { from: base.reference } : { debian: base.suite };
}

/** The same packages on another base. @throws CambiumError `REFERENCE_SYNTAX`. */
function rebased(
  base: Base,
  { from, debian }: Pick<Spec, "debian" | "from">,
  forCommands: PackageSet["forCommands"],
): Base {
  if (from !== undefined) return onImage({ base, forCommands }, from);
  const suite = typeof debian === "object" ? debian.suite : debian;
  return base.kind === "image" || suite === undefined ? base : { ...base, suite };
}

/** Packages on an image of a registry. @throws CambiumError `REFERENCE_SYNTAX`. */
export function onImage({ base, forCommands }: Pick<PackageSet, "base" | "forCommands">, from: string): Base {
  const packages = base.packages.filter((name) => !forCommands.includes(name));
  return { kind: "image", reference: fullReference(from, "--base"), keep: base.keep, packages };
}

function withOptions(
  python: PythonInstall,
  { extras = [], groups = [], bytecode = python.bytecode }: DetectOptions,
): PythonInstall {
  return {
    source: python.source,
    extras: [...new Set([...python.extras, ...extras])].sort(),
    groups: [...new Set([...python.groups, ...groups])].sort(),
    ...(bytecode === true && { bytecode }),
  };
}
