import { usageError } from "../../errors.ts";
import type { Healthcheck } from "../../graph/stages.ts";
import { jsonOf, syntaxError } from "./arguments.ts";
import { parseDuration } from "./duration.ts";
import { readFlags } from "./flags.ts";
import type { HealthcheckInstruction, Text } from "./instructions.ts";
import { leadingSpace } from "./space.ts";
import type { Statement } from "./statements.ts";

/** One millisecond, in nanoseconds. */
const SHORTEST = 1_000_000;
const FLAGS = {
  interval: "text",
  timeout: "text",
  "start-period": "text",
  "start-interval": "text",
  retries: "text",
} as const;

/** `HEALTHCHECK NONE`, or `HEALTHCHECK [flags] CMD command`. */
export function parseHealthcheck(statement: Statement): HealthcheckInstruction {
  return { kind: "healthcheck", healthcheck: readHealthcheck(statement) };
}

function readHealthcheck(statement: Statement): Healthcheck {
  const { text, at } = statement.rest;
  const type = /^\S*/.exec(text)?.[0] ?? "";
  const after = type.length + leadingSpace(text.slice(type.length));
  const rest = { text: text.slice(after), at: at + after };
  if (type.toUpperCase() === "NONE") {
    if (rest.text === "") return { Test: ["NONE"] };
    throw syntaxError(statement, `nothing may follow NONE: ${JSON.stringify(rest.text)}`, undefined, rest.at);
  }
  const flags = readFlags(statement, FLAGS);
  if (type.toUpperCase() !== "CMD") {
    throw syntaxError(
      statement,
      `neither CMD nor NONE: ${JSON.stringify(type)}`,
      "Write HEALTHCHECK CMD command, flags before the CMD.",
      at,
    );
  }
  const argv = jsonOf(statement, rest);
  if (rest.text === "" || argv?.length === 0) throw syntaxError(statement, "no command follows CMD");
  return {
    Test: argv === undefined ? ["CMD-SHELL", rest.text] : ["CMD", ...argv],
    ...timed("Interval", flags.text("interval")),
    ...timed("Timeout", flags.text("timeout")),
    ...timed("StartPeriod", flags.text("start-period")),
    ...timed("StartInterval", flags.text("start-interval")),
    ...retriesOf(flags.text("retries")),
  };
}

function timed<Name extends string>(name: Name, flag: Text | undefined): { [Key in Name]?: number } {
  if (flag === undefined || flag.text === "") return {};
  const nanoseconds = parseDuration(flag.text);
  if (nanoseconds === undefined || (nanoseconds !== 0 && nanoseconds < SHORTEST)) {
    throw usageError(
      "DOCKERFILE_FLAG",
      `${flag.where}: not a length of time from 1ms on: ${JSON.stringify(flag.text)}`,
      "Write it like 30s or 1m30s.",
    );
  }
  return nanoseconds === 0 ? {} : ({ [name]: nanoseconds } as { [Key in Name]?: number });
}

function retriesOf(flag: Text | undefined): Pick<Healthcheck, "Retries"> {
  if (flag === undefined || flag.text === "") return {};
  const count = Number(flag.text);
  if (!/^[+-]?[0-9]+$/.test(flag.text) || count < 0 || count > 2 ** 31 - 1) {
    throw usageError(
      "DOCKERFILE_FLAG",
      `${flag.where}: not a number of retries: ${JSON.stringify(flag.text)}`,
    );
  }
  return count === 0 ? {} : { Retries: count };
}
