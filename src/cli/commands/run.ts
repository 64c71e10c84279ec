import { type Command, Option } from "commander";
import { usageError } from "../../errors.ts";
import type { Act } from "../action.ts";
import {
  addProjectOptions,
  addSessionOptions,
  type ProjectOptions,
  projectSettings,
  repeatable,
} from "../project-options.ts";
import { withSession } from "../session.ts";
import { parseEnvOverride, parseVolume } from "../values.ts";

type RunOptions = ProjectOptions & {
  readonly image?: string;
  readonly entrypoint?: string;
  readonly env?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly volume?: readonly string[];
  readonly network: "host" | "none";
  readonly interactive?: true;
};

export function defineRun(command: Command, act: Act): void {
  command
    .summary("build a project and run it, with runc or crun")
    .description(
      "Builds the project in PATH and runs its command, or ARGS instead. Needs runc or crun; root is not needed.\n" +
        "Ends with the exit code of the process inside.",
    )
    .argument("[path]", 'the project\'s folder, or one script; with --image the first of ARGS (default: ".")')
    .argument("[args...]", "arguments instead of the image's cmd; what follows PATH is not read as flags")
    // What follows PATH belongs to the program inside, flags too.
    .passThroughOptions();
  addProjectOptions(command)
    .option("--no-cache", "compute everything again; verified downloads are still used")
    .option("--image <source>", "run this image as it is: tag in the store, image layout, tar")
    .option("--entrypoint <path>", "program to run instead of the image's entrypoint")
    .addOption(
      repeatable("-e, --env <name=value>", "set a variable; NAME alone takes it from here; repeatable"),
    )
    .option("-w, --workdir <path>", "working directory inside")
    .option("-u, --user <user>", "user inside: name or uid, and :group")
    .addOption(
      repeatable("-v, --volume <source:target>", "show a folder or file inside; append :ro to protect it"),
    )
    .addOption(new Option("--network <mode>", "network inside").choices(["host", "none"]).default("host"))
    .option("-i, --interactive", "connect stdin, and a terminal when it is one");
  addSessionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ cambium run
  $ cambium run . python -c 'import numpy; print(numpy.__version__)'
  $ cambium run -i --image app:1 python
  $ cambium run -e DEBUG=1 -v ./data:/data:ro --network none .
`,
    )
    .action((first: string | undefined, rest: string[], options: RunOptions) =>
      act((world) =>
        withSession(world, options, async (session) => {
          const operands = first === undefined ? [] : [first, ...rest];
          const [path, args] = splitOperands(operands, options.image);
          if (options.image !== undefined && options.file !== undefined) {
            throw usageError(
              "RUN_CONFLICT",
              "--image and --file: an image is run as it is",
              "Leave one out.",
            );
          }
          // What the process inside is given is nothing of the build.
          const { network, entrypoint, env, workdir, user, volume, image, interactive, ...project } = options;
          return world.library.run({
            ...projectSettings(world, session, path, project),
            ...(image === undefined ? {} : { image }),
            cwd: world.cwd,
            args,
            ...(entrypoint === undefined ? {} : { entrypoint }),
            envOverrides: (env ?? []).flatMap((text) => parseEnvOverride(text, world.env)),
            ...(workdir === undefined ? {} : { workdir }),
            ...(user === undefined ? {} : { user }),
            volumes: (volume ?? []).map((text) => parseVolume(text, world.cwd)),
            network,
            isInteractive: interactive === true,
            hasTerminal: world.isStdinTTY,
          });
        }),
      ),
    );
}

/** `[PATH] [--] [ARGS...]`; an image leaves no PATH to name. */
function splitOperands(
  operands: readonly string[],
  image: string | undefined,
): [path: string, args: string[]] {
  const [first, ...rest] = operands;
  const path = image === undefined && first !== undefined && first !== "--" ? first : ".";
  const args = path === first && image === undefined ? rest : [...operands];
  return [path, args[0] === "--" ? args.slice(1) : args];
}
