import type { Command } from "commander";
import { styleFor } from "../../report/style.ts";
import type { Act } from "../action.ts";
import { addSessionOptions } from "../project-options.ts";
import { printJson, printLines, type SessionOptions, withSession } from "../session.ts";
import { validationLines } from "../validation-lines.ts";

export function defineValidate(command: Command, act: Act): void {
  command
    .summary("recompute everything that an image claims")
    .description(
      "Recomputes digests, diff ids and sizes, reads every layer to its end and looks for duplicate or unsafe paths\n" +
        "and a config that does not fit. Exits with 1 when anything is wrong.",
    )
    .argument("<source>", "tag or digest in the store, image layout folder, image tar, REGISTRY/NAME:TAG")
    .option("--json", "print JSON");
  addSessionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ cambium validate app:1
  $ cambium validate ./image
  $ cambium validate registry.example/app:1
`,
    )
    .action((source: string, options: SessionOptions & { readonly json?: true }) =>
      act((world) =>
        withSession(world, options, async (session, reporter) => {
          const report = await world.library.validate({ ...session, source, cwd: world.cwd });
          reporter.succeed();
          if (options.json === true) printJson(world, report);
          else printLines(world, validationLines(report, styleFor(world.env, world.stdout)));
          return report.problems.length === 0 ? 0 : 1;
        }),
      ),
    );
}
