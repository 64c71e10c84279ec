import type { Warnings } from "./checks.ts";
import type { Instruction } from "./instructions.ts";
import type { WrittenStage } from "./stage-list.ts";

const RESERVED: readonly string[] = ["context", "scratch"];

/** Warns of names, of upper and lower case, and of MAINTAINER: what can be said of every stage, needed or not. */
export function checkWritten(stages: readonly WrittenStage[], warnings: Warnings): void {
  const names = new Set<string>();
  for (const { from } of stages) {
    const { name, nameAsWritten, as, written, line, comments } = from;
    if (name === undefined) continue;
    if (nameAsWritten !== name) {
      warnings.add("StageNameCasing", `the stage ${nameAsWritten} is ${name} in lower case`, line, comments);
    }
    if (as !== undefined && isOneCase(written) && isLower(written) !== isLower(as, isLower(written))) {
      warnings.add("FromAsCasing", `${written} and ${as} differ in upper and lower case`, line, comments);
    }
    if (RESERVED.includes(name))
      warnings.add("ReservedStageName", `a stage cannot be meant by ${name}`, line);
    if (names.has(name)) warnings.add("DuplicateStageName", `a second stage ${name}`, line);
    names.add(name);
  }
  const instructions = stages.flatMap((stage) => [stage.from, ...stage.instructions]);
  checkCase(instructions, warnings);
  for (const { kind, line, comments } of instructions) {
    if (kind !== "maintainer") continue;
    warnings.add("MaintainerDeprecated", "MAINTAINER is now LABEL maintainer=…", line, comments);
  }
}

/** Whether a word is in lower case; one that is in neither is as it should not be. */
function isLower(word: string, wanted = true): boolean {
  if (word === word.toLowerCase()) return true;
  return word === word.toUpperCase() ? false : !wanted;
}

function isOneCase(word: string): boolean {
  return word === word.toLowerCase() || word === word.toUpperCase();
}

/** What most instructions are in, upper or lower case, all should be in. */
function checkCase(instructions: readonly Instruction[], warnings: Warnings): void {
  const written = instructions.map((instruction) => instruction.written).filter(isOneCase);
  const lower = written.filter((word) => word === word.toLowerCase()).length;
  const isMostlyLower = lower > written.length - lower;
  for (const { written: word, line } of instructions) {
    if (word === (isMostlyLower ? word.toLowerCase() : word.toUpperCase())) continue;
    const wanted = isMostlyLower ? "lower" : "upper";
    warnings.add(
      "ConsistentInstructionCasing",
      `${word} is not in ${wanted} case as most instructions are`,
      line,
    );
  }
}
