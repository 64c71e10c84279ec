import { syntaxError, textOf } from "./arguments.ts";
import { readFlags } from "./flags.ts";
import type { FromInstruction } from "./instructions.ts";
import { splitBlanks } from "./split.ts";
import type { Statement } from "./statements.ts";

/** `FROM [--platform=P] BASE [AS NAME]`. */
export function parseFrom(statement: Statement): FromInstruction {
  const [base, as, name, ...more] = splitBlanks(statement.rest);
  const isNamed = name !== undefined && as?.text.toLowerCase() === "as";
  if (base === undefined || more.length > 0 || (as !== undefined && !isNamed)) {
    throw syntaxError(
      statement,
      `not a base and a name: ${JSON.stringify(statement.rest.text)}`,
      "Write FROM BASE or FROM BASE AS NAME.",
    );
  }
  const lower = name?.text.toLowerCase();
  if (lower !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(lower)) {
    throw syntaxError(
      statement,
      `not a stage's name: ${JSON.stringify(name?.text)}`,
      "It begins with a letter and has letters, digits, and _ - . only.",
      name?.at,
    );
  }
  const platform = readFlags(statement, { platform: "text" }).text("platform");
  return {
    kind: "from",
    base: textOf(statement, base),
    ...(lower !== undefined && name !== undefined && { name: lower, nameAsWritten: name.text }),
    ...(as !== undefined && { as: as.text }),
    ...(platform !== undefined && platform.text !== "" && { platform }),
  };
}
