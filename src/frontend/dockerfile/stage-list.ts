import { usageError } from "../../errors.ts";
import type { ArgInstruction, FromInstruction, Instruction, InstructionHead } from "./instructions.ts";

/** A stage as written. */
export type WrittenStage = {
  readonly from: InstructionHead & FromInstruction;
  readonly instructions: readonly Instruction[];
};

export type WrittenStages = {
  /** ARGs before the first FROM: for the lines of FROM, and for stages that repeat them. */
  readonly globalArgs: readonly (InstructionHead & ArgInstruction)[];
  readonly stages: readonly WrittenStage[];
};

/** @throws CambiumError `DOCKERFILE_STAGE`. */
export function groupStages(instructions: readonly Instruction[]): WrittenStages {
  const globalArgs: (InstructionHead & ArgInstruction)[] = [];
  const stages: { from: InstructionHead & FromInstruction; instructions: Instruction[] }[] = [];
  for (const instruction of instructions) {
    const stage = stages.at(-1);
    if (instruction.kind === "from") stages.push({ from: instruction, instructions: [] });
    else if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.kind === "arg") globalArgs.push(instruction);
    else {
      throw usageError(
        "DOCKERFILE_STAGE",
        `${instruction.where}: ${instruction.written.toUpperCase()} before the first FROM`,
        "Only ARG may stand before FROM.",
      );
    }
  }
  if (stages.length > 0) return { globalArgs, stages };
  throw usageError(
    "DOCKERFILE_STAGE",
    `${instructions[0]!.where}: the file has no FROM`,
    "Write FROM scratch to begin with nothing.",
  );
}
