import { resolve } from "node:path";
import type { Command } from "commander";
import { styleFor } from "../../report/style.ts";
import type { Act } from "../action.ts";
import { addStageOptions, type DockerfileOptions, dockerfileSettings } from "../dockerfile-options.ts";
import { lockLines } from "../lock-lines.ts";
import {
  addProjectOptions,
  addSessionOptions,
  addStageCacheOption,
  addUpgradeOption,
  type ProjectOptions,
  projectSettings,
} from "../project-options.ts";
import { printJson, printLines, withSession } from "../session.ts";

type LockOptions = ProjectOptions &
  DockerfileOptions & {
    readonly output?: string;
    readonly urls: boolean;
    readonly check?: true;
    readonly json?: true;
  };

export function defineLock(command: Command, act: Act): void {
  command
    .summary("write cambium.lock")
    .description(
      "Resolves for the platforms asked for, and for the others where it can, and writes cambium.lock: each package's\n" +
        "version, file and digest, so that build --locked gives the same image anywhere. Of a Dockerfile: the digest of\n" +
        "each base, and of what ADD takes from the web and git. Earlier choices are kept unless --upgrade is given.",
    )
    .argument("[path]", "the project's folder, or one script", ".");
  addStageCacheOption(addProjectOptions(command))
    .option("-o, --output <file>", "where to write (default: cambium.lock in PATH)")
    .option("--no-urls", "leave out where each file came from, so that the lock serves any mirror")
    .option("--check", "write nothing; exit with 1 when the lock would change")
    .option("--json", "print JSON");
  addStageOptions(command);
  addUpgradeOption(command);
  addSessionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ cambium lock
  $ cambium lock --upgrade=numpy
  $ cambium lock --check          in CI: is the committed lock up to date?
`,
    )
    .action((path: string, options: LockOptions) =>
      act((world) =>
        withSession(world, options, async (session, reporter) => {
          const result = await world.library.lock({
            ...projectSettings(world, session, path, options),
            dockerfile: dockerfileSettings(world, options),
            urls: options.urls,
            ...(options.output === undefined ? {} : { output: resolve(world.cwd, options.output) }),
            check: options.check === true,
          });
          reporter.succeed();
          if (options.json === true) printJson(world, result);
          else printLines(world, lockLines(result, styleFor(world.env, world.stdout)));
          return result.state === "stale" ? 1 : 0;
        }),
      ),
    );
}
