import { CommanderError } from "commander";
import { usageError } from "../errors.ts";
import { createProgram } from "./program.ts";
import { printError } from "./session.ts";
import type { World } from "./world.ts";

/**
 * Runs one command line (without node and script) and answers the exit code; writes only to the world's streams.
 */
export async function main(argv: readonly string[], world: World): Promise<number> {
  let exitCode = 0;
  const program = createProgram(async (work) => {
    exitCode = await work(world);
  });
  configureStreams(program, world);
  try {
    await program.parseAsync(withOpenFlags(argv), { from: "user" });
    return exitCode;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return printError(world, thrown);
    // Help that was asked for and the version end this way too; help instead of a missing command does not.
    if (thrown.exitCode === 0) return 0;
    if (thrown.code === "commander.help") return 2;
    return printError(
      world,
      fromCommander(
        thrown,
        argv,
        program.commands.map((command) => command.name()),
      ),
    );
  }
}

type Configurable = ReturnType<typeof createProgram>;

function configureStreams(command: Configurable, world: World): void {
  command.configureOutput({
    writeOut: (text) => world.stdout.write(text),
    writeErr: (text) => world.stderr.write(text),
    // Our own form of the message follows, see `fromCommander`.
    outputError: () => undefined,
  });
  for (const child of command.commands) configureStreams(child, world);
}

/** Flags whose value may be left out, with what that means. */
const openFlags: Readonly<Record<string, string>> = {
  "--upgrade": "--upgrade=",
  "--load": "--load=auto",
  "--no-cache": "--no-cache=",
};

/**
 * Such a flag takes its value only after `=`; the parser would swallow the next word, so that
 * `build --upgrade .` would upgrade a package called `.`. Words after `run` belong to the program inside.
 */
function withOpenFlags(argv: readonly string[]): string[] {
  if (argv[0] === "run") return [...argv];
  const end = argv.indexOf("--");
  return argv.map((word, at) => (end === -1 || at < end ? (openFlags[word] ?? word) : word));
}

/** The parser's words (`error: unknown option '--x'`, `(Did you mean --y?)`) in our form. */
function fromCommander(error: CommanderError, argv: readonly string[], commands: readonly string[]): Error {
  const [message = "", ...more] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = more
    .map((line) => /^\((.*)\)$/.exec(line.trim())?.[1])
    .find((line) => line !== undefined);
  const command = commands.find((name) => name === argv[0]);
  const help = `See cambium ${command === undefined ? "--help" : `${command} --help`}.`;
  return usageError("USAGE", message, suggestion === undefined ? help : `${suggestion} ${help}`);
}
