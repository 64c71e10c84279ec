import type { Command } from "commander";
import type { LoadSettings } from "../../actions/settings.ts";
import type { Act } from "../action.ts";
import { addLoadOption, addSessionOptions, repeatable } from "../project-options.ts";
import { type SessionOptions, withSession } from "../session.ts";
import { parseBase, parseUrl } from "../values.ts";

type RebaseOptions = SessionOptions & {
  readonly base: string;
  readonly tag?: readonly string[];
  readonly push?: true;
  readonly load?: LoadSettings;
  readonly debianMirror?: string;
};

export function defineRebase(command: Command, act: Act): void {
  command
    .summary("put a pushed image on another base")
    .description(
      "Puts an image on another base by its build record alone: no project, no installing, and no byte of a package.\n" +
        "Refused, with the reason, where the packages do not fit the base.",
    )
    .argument("<name>", "image that cambium build pushed")
    .requiredOption("--base <image>", "the new base")
    .addOption(repeatable("-t, --tag <name>", "name for the result; repeatable (default: NAME)"))
    .option("--push", "push to the registry that each --tag names, or NAME")
    .option("--debian-mirror <url>", "where Debian packages come from (env: CAMBIUM_DEBIAN_MIRROR)");
  addLoadOption(command);
  addSessionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ cambium rebase registry.example/app:1 --base python:3.12-slim --push
  $ cambium rebase registry.example/app:1 --base registry.example/base:2 -t registry.example/app:1-new --push
`,
    )
    .action((image: string, options: RebaseOptions) =>
      act((world) =>
        withSession(world, options, async (session, reporter) => {
          const mirror = options.debianMirror ?? world.env.CAMBIUM_DEBIAN_MIRROR;
          const result = await world.library.rebase({
            ...session,
            image,
            base: parseBase(options.base, world.cwd),
            tags: [...new Set(options.tag)],
            push: options.push === true,
            ...(options.load === undefined ? {} : { load: options.load }),
            cwd: world.cwd,
            ...(mirror ? { debianMirror: parseUrl(mirror, "--debian-mirror") } : {}),
          });
          reporter.succeed();
          if (world.stdout.isTTY !== true) world.stdout.write(`${result.digest}\n`);
          return 0;
        }),
      ),
    );
}
