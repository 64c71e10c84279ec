import type { Command } from "commander";
import { parsePlatform } from "../../platform.ts";
import { styleFor } from "../../report/style.ts";
import type { Act } from "../action.ts";
import { imageLines } from "../image-lines.ts";
import { addRegistryOption } from "../project-options.ts";
import { printJson, printLines, type SessionOptions, withSession } from "../session.ts";

type InspectOptions = Pick<SessionOptions, "registryInsecure"> & {
  readonly platform?: string;
  readonly json?: true;
};

export function defineInspect(command: Command, act: Act): void {
  command
    .summary("show an image: its layers, their packages and sizes, its config")
    .argument("<source>", "tag or digest in the store, image layout folder, image tar, REGISTRY/NAME:TAG")
    .option("--platform <platform>", "only this one of an image index")
    .option("--json", "print JSON");
  addRegistryOption(command)
    .addHelpText(
      "after",
      `
Examples:
  $ cambium inspect app:1
  $ cambium inspect ./image --platform linux/arm64
  $ cambium inspect app.tar --json
  $ cambium inspect registry.example/app:1
`,
    )
    .action((source: string, options: InspectOptions) =>
      act((world) =>
        withSession(world, { ...options, progress: "plain" }, async (session) => {
          const platform =
            options.platform === undefined ? {} : { platform: parsePlatform(options.platform, "--platform") };
          const image = await world.library.inspect({ ...session, source, cwd: world.cwd, ...platform });
          if (options.json === true) printJson(world, image);
          else printLines(world, imageLines(image, styleFor(world.env, world.stdout)));
          return 0;
        }),
      ),
    );
}
