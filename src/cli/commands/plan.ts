import type { Command } from "commander";
import { styleFor } from "../../report/style.ts";
import type { Act } from "../action.ts";
import { addStageOptions, type DockerfileOptions, dockerfileSettings } from "../dockerfile-options.ts";
import { planLines } from "../plan-lines.ts";
import {
  addProjectOptions,
  addSessionOptions,
  addStageCacheOption,
  addUpgradeOption,
  type ProjectOptions,
  projectSettings,
} from "../project-options.ts";
import { printJson, printLines, withSession } from "../session.ts";

export function definePlan(command: Command, act: Act): void {
  command
    .summary("show what a build would make, layer by layer")
    .description(
      "Resolves and groups as build does, and shows each layer: its packages, its size, new or reused.\n" +
        "Of a Dockerfile, or of a project with commands or stages, each step that is needed: known (hit), to run (miss),\n" +
        "or open, where what runs before decides.",
    )
    .argument("[path]", "the project's folder, or one script", ".");
  addStageCacheOption(addProjectOptions(command)).option("--json", "print JSON");
  addStageOptions(command);
  addUpgradeOption(command);
  addSessionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ cambium plan
  $ cambium plan --platform linux/arm64 --json
`,
    )
    .action((path: string, options: ProjectOptions & DockerfileOptions & { readonly json?: true }) =>
      act((world) =>
        withSession(world, options, async (session, reporter) => {
          const result = await world.library.plan({
            ...projectSettings(world, session, path, options),
            dockerfile: dockerfileSettings(world, options),
          });
          reporter.succeed();
          if (options.json === true) printJson(world, result);
          else printLines(world, planLines(result, styleFor(world.env, world.stdout)));
          return 0;
        }),
      ),
    );
}
