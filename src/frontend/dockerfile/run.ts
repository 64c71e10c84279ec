import { usageError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { commandOf } from "./arguments.ts";
import { readFlags } from "./flags.ts";
import type { RunInstruction, Text } from "./instructions.ts";
import { assertMountFrom } from "./mounts.ts";
import type { Statement } from "./statements.ts";

const NETWORKS = ["default", "none", "host"] as const;
const SECURITIES = ["sandbox", "insecure"] as const;

export function parseRun(statement: Statement): RunInstruction {
  const device = statement.flags.find(({ text }) => /^--device(?:=|$)/.test(text));
  if (device !== undefined) {
    throw usageError(
      "DOCKERFILE_FLAG",
      `${statement.line.where(device.at)}: RUN --device is not in the stable syntax: ${JSON.stringify(device.text)}`,
      "It is of docker/dockerfile:1-labs.",
    );
  }
  const flags = readFlags(statement, { mount: "list", network: "text", security: "text" });
  const mounts = flags.list("mount");
  for (const mount of mounts) assertMountFrom(mount);
  return {
    kind: "run",
    command: commandOf(statement, statement.rest),
    heredocs: statement.heredocs,
    mounts,
    network: oneOf("--network", NETWORKS, flags.text("network")),
    security: oneOf("--security", SECURITIES, flags.text("security")),
  };
}

/** The first is what an absent flag means. */
function oneOf<Value extends string>(
  name: string,
  values: readonly [Value, ...Value[]],
  flag: Text | undefined,
): Value {
  if (flag === undefined) return values[0];
  const value = values.find((known) => known === flag.text);
  if (value !== undefined) return value;
  const near = nearest(flag.text, values);
  throw usageError(
    "DOCKERFILE_FLAG",
    `${flag.where}: ${name} does not know ${JSON.stringify(flag.text)}`,
    `${near === undefined ? "" : `Did you mean ${near}? `}Known: ${values.join(", ")}.`,
  );
}
