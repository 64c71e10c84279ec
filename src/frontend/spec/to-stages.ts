import { type CambiumError, usageError } from "../../errors.ts";
import type { DefinedBase, DefinedStage, DefinedStages, PackageSet } from "../../graph/defined-stages.ts";
import type { Base } from "../../graph/definition.ts";
import { nearest } from "../../nearest.ts";
import type { CopySpec, Spec, StageSpec, StepSpec } from "./schema.ts";
import type { RunItem } from "./step-schema.ts";
import {
  baseOf,
  configOp,
  copiesOf,
  listOf,
  pythonInstall,
  userOps,
  type WhereKey,
  workdirOf,
} from "./to-definition.ts";
import { type GenerateOp, runsOf, type StageNames, toSteps, type WrittenStep } from "./to-steps.ts";

/** What the image's own stage is called in messages. */
const IMAGE = "image";
const NO_BASE = "scratch";

/** Whether a spec says more than packages and files of the project, so that something may have to run for it. */
export function isStaged(spec: Spec): boolean {
  const { run, steps, stages, stage, diff, from, copy } = spec;
  const isFromElsewhere = copiesOf(copy).some((one) => one.stage !== undefined || one.image !== undefined);
  return (
    [run, steps, stages, stage, diff].some((word) => word !== undefined) ||
    from === NO_BASE ||
    isFromElsewhere
  );
}

/**
 * The stages of a spec, each after those that it needs.
 * @throws CambiumError `SPEC_INVALID` for a stage that is not there, or that needs itself.
 */
export function toDefinedStages(spec: Spec, where: WhereKey, found?: FoundImage): DefinedStages {
  const written = new Map<string, Written>(
    Object.entries(spec.stages ?? {}).map(([name, stage]) => [
      name,
      { name, stage, at: (key, ...path) => where("stages", name, key, ...path), isImage: false },
    ]),
  );
  const image: Written = { name: IMAGE, stage: spec, at: where, isImage: true, ...(found && { found }) };
  const ordered = inOrder([...written.values(), image], written);
  const numbers = new Map(ordered.map(({ name, isImage }, at) => [isImage ? undefined : name, at]));
  const names: StageNames = (name) => numbers.get(name)!;
  const running = standOnRuns(ordered);
  const stages: DefinedStage[] = [];
  for (const one of ordered) {
    const below = one.stage.stage === undefined ? undefined : stages[names(one.stage.stage)];
    stages.push(toStage(one, below, names, running.has(one)));
  }
  return { stages, target: ordered.indexOf(image) };
}

type Written = {
  readonly name: string;
  readonly stage: StageSpec;
  readonly at: WhereKey;
  readonly isImage: boolean;
  readonly found?: FoundImage;
};

/** What nobody wrote of the image itself, but a project's files say. */
export type FoundImage = Pick<PackageSet, "python" | "isBaseSet"> & {
  readonly before: readonly GenerateOp[];
};

function toStage(
  one: Written,
  below: DefinedStage | undefined,
  names: StageNames,
  isRun: boolean,
): DefinedStage {
  const { name, stage, at, isImage } = one;
  const workdir = workdirOf(stage) ?? below?.config.workdir;
  const place = isImage ? "" : `${name}, `;
  const steps = toSteps(stepsOf(one), { workdir: workdir ?? "/", place, names }, one.found?.before);
  return {
    ...{ name, isImage, base: definedBase(one, names, isRun), steps },
    config: configOp(stage, workdir, at),
  };
}

function definedBase(one: Written, names: StageNames, isRun: boolean): DefinedBase {
  const { stage, at } = one;
  const python = one.found?.python ?? stage.python;
  const bases = (["debian", "from", "stage", "diff"] as const).filter((key) => stage[key] !== undefined);
  const { stage: below, diff } = stage;
  if (below === undefined && diff === undefined && stage.from !== NO_BASE) {
    return { kind: "packages", packages: packageSet(one, isRun) };
  }
  if (bases.length > 1) {
    throw usageError(
      "SPEC_INVALID",
      `${at(bases[1]!)}: ${bases.join(" and ")} both name a base`,
      "Keep one.",
    );
  }
  const stated = { apt: stage.apt, python, users: stage.users };
  const unmet = (["apt", "python", "users"] as const).find((key) => stated[key] !== undefined);
  if (unmet !== undefined) {
    const what = below === undefined ? (diff === undefined ? "nothing" : "a diff") : `stage ${below}`;
    throw usageError(
      "SPEC_INVALID",
      `${at(unmet)}: ${unmet}: packages and accounts stand on debian or an image, not on ${what}`,
      below === undefined ? "Name a base with debian or from." : `Say it in stage ${below}.`,
    );
  }
  if (diff !== undefined) return { kind: "diff", lower: names(diff.lower), upper: names(diff.upper) };
  return below === undefined ? { kind: "scratch" } : { kind: "stage", stage: names(below) };
}

function packageSet({ stage, at, found }: Written, isRun: boolean): PackageSet {
  const written = stage.python === undefined ? undefined : pythonInstall(stage.python, at("python"));
  const python = found?.python ?? written;
  const base = baseOf(stage, at);
  const forCommands = isRun ? packagesForCommands(base) : [];
  return {
    base: { ...base, packages: [...base.packages, ...forCommands].sort() },
    ...(python !== undefined && { python }),
    users: userOps(stage, at("users")),
    isBaseSet: found?.isBaseSet ?? (stage.debian !== undefined || stage.from !== undefined),
    forCommands,
  };
}

/** A command may want to install something: apt belongs to the base then, whether or not this one does. */
function packagesForCommands(base: Base): string[] {
  const isWithout = base.kind !== "debian" || base.variant === "distroless" || base.packages.includes("apt");
  return isWithout ? [] : ["apt"];
}

/** Those that run something, and those that such a one stands on. */
function standOnRuns(ordered: readonly Written[]): Set<Written> {
  const byName = new Map(ordered.filter(({ isImage }) => !isImage).map((one) => [one.name, one]));
  const found = new Set<Written>();
  for (const one of ordered.filter((each) => stepsOf(each).some(({ step }) => step.run !== undefined))) {
    for (let at: Written | undefined = one; at !== undefined; ) {
      found.add(at);
      const below: string | undefined = at.stage.stage;
      at = below === undefined ? undefined : byName.get(below);
    }
  }
  return found;
}

/** @throws CambiumError `SPEC_INVALID` where the order is not said, or an item is not one step. */
function stepsOf({ stage, at }: Written): WrittenStep[] {
  const { steps, copy, run } = stage;
  if (steps === undefined) {
    const copies = copiesOf(copy).map((one, i) => ({ step: { copy: one }, at: at("copy", i) }));
    return [...copies, ...(run === undefined ? [] : [{ step: { run }, at: at("run") }])];
  }
  const other = copy !== undefined ? "copy" : run !== undefined ? "run" : undefined;
  if (other !== undefined) {
    throw usageError(
      "SPEC_INVALID",
      `${at(other)}: ${other} stands beside steps, so the order is not clear`,
      `Write it as an item of steps: - ${other}: …`,
    );
  }
  return steps.flatMap((step, i): WrittenStep[] => {
    const words = Object.keys(step) as (keyof StepSpec)[];
    if (words.length === 1) return [{ step, at: at("steps", i, words[0]!) }];
    throw usageError(
      "SPEC_INVALID",
      `${at("steps", i)}: steps[${i}]: expected one of copy, run, http, git, merge, got ${words.length === 0 ? "nothing" : words.join(" and ")}`,
      "Write an item for each, in the order in which they are to be done.",
    );
  });
}

type Reference = { readonly name: string; readonly at: string };

/** Stages that one names, and where. */
function referencesOf(one: Written): Reference[] {
  const { stage, at } = one;
  const base = stage.stage === undefined ? [] : [{ name: stage.stage, at: at("stage") }];
  const compared = stage.diff === undefined ? [] : [stage.diff.lower, stage.diff.upper];
  const inSteps = stepsOf(one).flatMap(({ step, at: place }) => {
    const copies: readonly CopySpec[] = copiesOf(step.copy);
    const mounts = (step.run === undefined ? [] : runsOf(step.run)).flatMap((run: RunItem) =>
      typeof run === "object" && "command" in run ? (run.mounts ?? []) : [],
    );
    const named = [...copies, ...mounts].flatMap(({ stage: name }) => name ?? []);
    return [...named, ...listOf(step.merge ?? [])].map((name) => ({ name, at: place }));
  });
  return [...base, ...compared.map((name) => ({ name, at: at("diff") })), ...inSteps];
}

/** Each after those that it names; otherwise as written. */
function inOrder(all: readonly Written[], byName: ReadonlyMap<string, Written>): Written[] {
  const ordered = new Set<Written>();
  const visit = (one: Written, path: readonly Written[]): void => {
    if (ordered.has(one)) return;
    for (const { name, at } of referencesOf(one)) {
      const other = byName.get(name);
      if (other === undefined) throw unknownStage(name, at, [...byName.keys()]);
      const loop = [...path, one];
      if (loop.includes(other)) {
        const names = [...loop.slice(loop.indexOf(other)), other].map((each) => each.name).join(" needs ");
        throw usageError(
          "SPEC_INVALID",
          `${at}: stages go round in a loop: ${names}`,
          "Take one of them out.",
        );
      }
      visit(other, loop);
    }
    ordered.add(one);
  };
  for (const one of all) visit(one, []);
  return [...ordered];
}

function unknownStage(name: string, at: string, known: readonly string[]): CambiumError {
  const near = nearest(name, known);
  const hint =
    near !== undefined
      ? `Did you mean ${JSON.stringify(near)}?`
      : known.length === 0
        ? "Say what it is below stages."
        : `There is ${known.join(", ")}.`;
  return usageError("SPEC_INVALID", `${at}: there is no stage ${JSON.stringify(name)}`, hint);
}
