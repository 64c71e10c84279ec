import { usageError } from "../../errors.ts";
import { type NamedContexts, type Origin, originOf } from "./bases.ts";
import type { Escape } from "./directives.ts";
import type { Instruction, Text } from "./instructions.ts";
import { mountFrom } from "./mounts.ts";
import type { StagePlan } from "./stage-plan.ts";
import { expandOrThrow } from "./surroundings.ts";

/** What a stage's instructions take files from: of COPY, and of mounts, which know no numbers. */
export type Lookups = {
  readonly copy: (name: Text) => Origin;
  readonly mount: (name: Text) => Origin;
};

/** @throws CambiumError `DOCKERFILE_STAGE` for a number without a stage. */
export function lookupsOf(plans: readonly StagePlan[], contexts: NamedContexts): Lookups {
  // Of two stages with one name the last is meant, as in BuildKit.
  const byName = new Map(
    plans.flatMap(({ from, index }) => (from.name === undefined ? [] : [[from.name, index]])),
  );
  const mount = ({ text, where }: Text) => originOf(text, where, byName, contexts);
  return {
    mount,
    copy: (name) => {
      if (!/^[+-]?[0-9]+$/.test(name.text)) return mount(name);
      const stage = Number(name.text);
      if (plans[stage] !== undefined) return { kind: "stage", stage };
      throw usageError(
        "DOCKERFILE_STAGE",
        `${name.where}: --from: no stage has the number ${name.text}`,
        `There are ${plans.length}, counted from 0.`,
      );
    },
  };
}

/** The names after `from` in a stage's instructions, with what they mean. */
export function originsIn(
  instructions: readonly Instruction[],
  lookups: Lookups,
): readonly (readonly [Text, Origin])[] {
  return instructions.flatMap((instruction) => {
    if (instruction.kind === "copy" && instruction.from !== undefined) {
      return [[instruction.from, lookups.copy(instruction.from)] as const];
    }
    if (instruction.kind !== "run") return [];
    return instruction.mounts.flatMap((mount) => {
      const from = mountFrom(mount);
      if (from === undefined) return [];
      const name = { text: from, where: mount.where };
      return [[name, lookups.mount(name)] as const];
    });
  });
}

/** @throws CambiumError `DOCKERFILE_SYNTAX` for a variable, or for quotes, in `--from`. */
export function assertPlainFrom(instructions: readonly Instruction[], escapeMark: Escape): void {
  for (const instruction of instructions) {
    if (instruction.kind !== "copy" || instruction.from === undefined) continue;
    const { text, where } = instruction.from;
    if (expandOrThrow(instruction.from, new Map(), escapeMark).text === text) continue;
    throw usageError(
      "DOCKERFILE_FLAG",
      `${where}: --from cannot have a variable: ${JSON.stringify(text)}`,
      "Name it with a stage of its own: FROM IMAGE AS NAME, then --from=NAME.",
    );
  }
}
