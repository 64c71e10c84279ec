import type { Command } from "commander";
import { styleFor } from "../../report/style.ts";
import type { Act } from "../action.ts";
import { buildListLines, explainLines } from "../explain-lines.ts";
import { printJson, printLines, withSession } from "../session.ts";

type ExplainOptions = { readonly list?: true; readonly step?: string; readonly json?: true };

export function defineExplain(command: Command, act: Act): void {
  command
    .summary("say why the steps of a build were not known")
    .description(
      "Shows each step of an earlier build: known (hit), with where its result is from, how old it is and what it\n" +
        "saved; or done anew (miss), with what changed since the build that it was compared with: the file, the\n" +
        "version, the argument, down to the step where it began. BUILD is an id, or a number of builds back; without\n" +
        "it the last build of the project here.",
    )
    .argument("[build]", "id of a build, its beginning or end, or how many builds back")
    .option("--list", "list the builds that are kept")
    .option("--step <step>", "only steps at this line, or with this in their text")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Examples:
  $ cambium explain                       the last build of the project here
  $ cambium explain 1                     the one before it
  $ cambium explain --step "pip install"
  $ cambium explain --list
  $ cambium explain --json
`,
    )
    .action((build: string | undefined, options: ExplainOptions) =>
      act((world) =>
        withSession(world, { progress: "plain" }, async (session) => {
          const style = styleFor(world.env, world.stdout);
          if (options.list === true) {
            const list = await world.library.listBuilds(session);
            if (options.json === true) printJson(world, list);
            else printLines(world, buildListLines(list, world.now(), style));
            return 0;
          }
          const { step } = options;
          const result = await world.library.explain({
            ...session,
            cwd: world.cwd,
            ...(build !== undefined && { build }),
            ...(step !== undefined && { step }),
          });
          if (options.json === true) printJson(world, result);
          else printLines(world, explainLines(result, world.now(), style));
          return 0;
        }),
      ),
    );
}
