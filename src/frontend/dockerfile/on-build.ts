import { syntaxError } from "./arguments.ts";
import type { Escape } from "./directives.ts";
import { readFlags } from "./flags.ts";
import type { OnBuildInstruction } from "./instructions.ts";
import { leadingSpace } from "./space.ts";
import { splitInstruction } from "./split.ts";
import type { Statement } from "./statements.ts";

const REFUSED: readonly string[] = ["ONBUILD", "MAINTAINER", "FROM"];

/** ONBUILD: an instruction for those who build on the image; kept as text, with its heredocs. */
export function parseOnBuild(statement: Statement, escapeMark: Escape): OnBuildInstruction {
  const { text: rest, at } = statement.rest;
  if (rest === "") throw syntaxError(statement, "has no instruction");
  readFlags(statement, {});
  const name = splitInstruction(rest, escapeMark).instruction.text.toUpperCase();
  if (REFUSED.includes(name)) throw syntaxError(statement, `${name} cannot be a trigger`, undefined, at);
  const line = statement.line.text;
  const after = statement.instruction.at + statement.instruction.text.length;
  const trigger = line.slice(after + leadingSpace(line.slice(after)));
  const heredocs = statement.heredocs.map(({ body, name: end }) => `\n${body}${end}`);
  return { kind: "onbuild", trigger: trigger + heredocs.join("") };
}
