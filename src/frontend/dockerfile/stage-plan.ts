import { CambiumError, usageError } from "../../errors.ts";
import { parseReference } from "../../image/reference.ts";
import { nearest } from "../../nearest.ts";
import { type Platform, parsePlatform } from "../../platform.ts";
import { contextOf, type NamedContexts, type Origin, originOf } from "./bases.ts";
import type { Warnings } from "./checks.ts";
import type { Escape } from "./directives.ts";
import { type Expansion, expand } from "./expand.ts";
import type { ArgInstruction, Instruction, InstructionHead, Text } from "./instructions.ts";
import type { WrittenStage, WrittenStages } from "./stage-list.ts";
import { expandOrThrow } from "./surroundings.ts";

/** A stage whose base is known by name. */
export type StagePlan = {
  readonly index: number;
  /** Its name, else its number. */
  readonly name: string;
  readonly base: Origin;
  /** As `--platform` has it; not yet parsed, since those of stages that nobody needs may be any. */
  readonly platform: Text | undefined;
  readonly from: WrittenStage["from"];
  /** Empty where a build context stands in its place. */
  readonly instructions: readonly Instruction[];
};

/** What the file says and the command line adds. */
export type PlanInput = {
  readonly stages: readonly WrittenStage[];
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly escapeMark: Escape;
  readonly contexts: NamedContexts;
  readonly warnings: Warnings;
};

/** The values of ARGs before FROM, after those that are always there. */
export function globalArguments(
  predefined: ReadonlyMap<string, string>,
  args: readonly (InstructionHead & ArgInstruction)[],
  given: ReadonlyMap<string, string>,
  escapeMark: Escape,
): Map<string, string> {
  const values = new Map(predefined);
  for (const { args: list } of args) {
    for (const { name, value: written } of list) {
      const value =
        given.get(name) ??
        (written === undefined ? undefined : expandOrThrow(written, values, escapeMark).text);
      if (value !== undefined) values.set(name, value);
    }
  }
  return values;
}

/**
 * Every stage with its base looked up. A base may be a stage above, a build context or an image.
 * @throws CambiumError `DOCKERFILE_STAGE`, `DOCKERFILE_SYNTAX`, `REFERENCE_SYNTAX`.
 */
export function planStages(input: PlanInput): readonly StagePlan[] {
  const byName = new Map<string, number>();
  return input.stages.map(({ from, instructions }, index) => {
    const base = expandFrom(from.base, from, input).text;
    if (base === "") {
      throw usageError(
        "DOCKERFILE_STAGE",
        `${from.base.where}: FROM ${from.base.text}: nothing is left when its variables are put in`,
        "Give the ARG before FROM a default, or set it with --build-arg.",
      );
    }
    const replaced = from.name === undefined ? undefined : contextOf(from.name, input.contexts, from.where);
    const plan: StagePlan = {
      index,
      name: from.name ?? String(index),
      base: replaced ?? originOf(base, from.base.where, byName, input.contexts),
      platform: platformOf(from, input),
      from,
      instructions: replaced === undefined ? instructions : [],
    };
    if (from.name !== undefined) byName.set(from.name, index);
    return plan;
  });
}

function expandFrom(
  text: Text,
  from: InstructionHead,
  { globalArgs, escapeMark, warnings }: PlanInput,
): Expansion {
  const expanded = expandOrThrow(text, globalArgs, escapeMark);
  for (const name of expanded.missing) {
    const near = nearest(name, [...globalArgs.keys()]);
    const meant = near === undefined ? "" : ` (did you mean $${near}?)`;
    warnings.add("UndefinedArgInFrom", `no ARG before FROM sets $${name}${meant}`, from.line, from.comments);
  }
  return expanded;
}

function platformOf(from: WrittenStage["from"], input: PlanInput): Text | undefined {
  if (from.platform === undefined) return undefined;
  const { text: written, where } = from.platform;
  const { text, used, missing } = expandFrom(from.platform, from, input);
  if (text === "") {
    throw usageError(
      "DOCKERFILE_STAGE",
      `${where}: --platform=${written}: nothing is left when its variables are put in`,
    );
  }
  const { warnings, globalArgs } = input;
  const isTarget = used.size === 1 && missing.size === 0 && used.has("TARGETPLATFORM");
  if (isTarget && text === globalArgs.get("TARGETPLATFORM")) {
    warnings.add("RedundantTargetPlatform", `${written} is what FROM takes anyway`, from.line, from.comments);
  }
  if (used.size + missing.size === 0 && !isNamedAfter(from.name ?? "", text)) {
    warnings.add(
      "FromPlatformFlagConstDisallowed",
      `${text} holds for every image that is built`,
      from.line,
      from.comments,
    );
  }
  return { text, where };
}

function isNamedAfter(name: string, platform: string): boolean {
  return platform
    .split("/")
    .slice(0, 2)
    .some((part) => name.includes(part.toLowerCase()));
}

/** A platform as `--platform` may write it: an architecture alone is Linux's. */
export function platformFrom({ text, where }: Text): Platform {
  const lower = text.toLowerCase();
  return parsePlatform(lower.includes("/") ? lower : `linux/${lower}`, where);
}

/** Warns of bases that only a build argument makes a name of. */
export function checkDefaults(
  { globalArgs, stages }: WrittenStages,
  predefined: ReadonlyMap<string, string>,
  escapeMark: Escape,
  warnings: Warnings,
): void {
  const defaults = defaultsOf(globalArgs, predefined, escapeMark);
  if (defaults === undefined) return;
  for (const { from } of stages) {
    const base = expand(from.base.text, defaults, { escapeMark });
    if ("problem" in base) return;
    if (isReference(base.text)) continue;
    const message = `without build arguments ${from.base.text} is no image`;
    warnings.add("InvalidDefaultArgInFrom", message, from.line, from.comments);
  }
}

/** Undefined where a default cannot be: a build argument may well take its place. */
function defaultsOf(
  args: WrittenStages["globalArgs"],
  predefined: ReadonlyMap<string, string>,
  escapeMark: Escape,
): ReadonlyMap<string, string> | undefined {
  try {
    return globalArguments(predefined, args, new Map(), escapeMark);
  } catch (error) {
    if (error instanceof CambiumError) return undefined;
    throw error;
  }
}

function isReference(text: string): boolean {
  try {
    parseReference(text, "FROM");
    return true;
  } catch (error) {
    if (error instanceof CambiumError) return false;
    throw error;
  }
}

/**
 * Which stage a name means; the last one without a name.
 * @throws CambiumError `DOCKERFILE_STAGE`.
 */
export function findTarget(plans: readonly StagePlan[], target: string | undefined): number {
  if (target === undefined || target === "") return plans.length - 1;
  return stageByName(plans, target) ?? throwUnknown(plans, target, "--target");
}

/** Which stage a name or a number means. @throws CambiumError `DOCKERFILE_STAGE`. */
export function findStage(plans: readonly StagePlan[], stage: string, flag: string): number {
  const byNumber = /^[0-9]+$/.test(stage) ? plans[Number(stage)]?.index : undefined;
  return stageByName(plans, stage) ?? byNumber ?? throwUnknown(plans, stage, flag);
}

/** Of two stages with one name the last is meant, as in BuildKit. */
function stageByName(plans: readonly StagePlan[], name: string): number | undefined {
  return plans.findLast(({ from }) => from.name === name.toLowerCase())?.index;
}

function throwUnknown(plans: readonly StagePlan[], stage: string, flag: string): never {
  const wanted = stage.toLowerCase();
  const names = plans.flatMap(({ from }) => (from.name === undefined ? [] : [from.name]));
  const near = nearest(wanted, names);
  const known = names.length === 0 ? "no stage has a name" : `Known: ${names.join(", ")}`;
  throw usageError(
    "DOCKERFILE_STAGE",
    `${flag}: no stage ${JSON.stringify(stage)}`,
    `${near === undefined ? "" : `Did you mean ${near}? `}${known}.`,
  );
}
