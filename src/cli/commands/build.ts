import type { Command } from "commander";
import type { BuildSettings, LoadSettings } from "../../actions/settings.ts";
import { usageError } from "../../errors.ts";
import type { Act } from "../action.ts";
import { cacheFrom, cacheTo } from "../cache-flags.ts";
import {
  addStageOptions,
  addStepOptions,
  type DockerfileOptions,
  dockerfileSettings,
} from "../dockerfile-options.ts";
import { assertOutputsApart, parseOutput } from "../output-flag.ts";
import {
  addLoadOption,
  addProjectOptions,
  addSessionOptions,
  addStageCacheOption,
  addUpgradeOption,
  type ProjectOptions,
  projectSettings,
  repeatable,
} from "../project-options.ts";
import { withSession } from "../session.ts";

type BuildOptions = ProjectOptions &
  DockerfileOptions & {
    readonly tag?: readonly string[];
    readonly output?: readonly string[];
    readonly push?: true;
    readonly load?: LoadSettings;
    readonly cacheFrom?: readonly string[];
    readonly cacheTo?: readonly string[];
  };

export function defineBuild(command: Command, act: Act): void {
  command
    .summary("build an image from a project or a Dockerfile")
    .description(
      "Builds an OCI image from the project in PATH, without Docker and without running an installer; a Dockerfile's\n" +
        "RUN steps run through runc or crun.\n" +
        "The image is kept in the store; --output, --load and --push put it elsewhere too. Prints its digest on\n" +
        "stdout when that is not a terminal.",
    )
    .argument("[path]", "the project's folder, or one script", ".");
  addStageCacheOption(addProjectOptions(command))
    .addOption(repeatable("-t, --tag <name>", "name for the image; repeatable"))
    .addOption(repeatable("-o, --output <spec>", "type=oci|docker|tar|rootfs,dest=PATH; repeatable"));
  addLoadOption(command)
    .option("--push", "push to the registry that each --tag names")
    .addOption(
      repeatable(
        "--cache-from <place>",
        "registry reference or ./folder to look for what others built; repeatable",
      ),
    )
    .addOption(
      repeatable(
        "--cache-to <place>",
        "registry reference or ./folder that gets what is built, of all stages, for others: PLACE[,mounts=all|none|ID,…]; repeatable",
      ),
    );
  addStepOptions(addStageOptions(command));
  addUpgradeOption(command);
  addSessionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  $ cambium build                                       the project here
  $ cambium build -t app:1 -o type=docker,dest=app.tar  then: docker load -i app.tar
  $ cambium build -t app:1 --load                       then: docker run app:1
  $ cambium build -o type=oci,dest=image                an image layout in a folder
  $ cambium build --platform linux/amd64,linux/arm64 -t registry.example/app:1 --push
  $ cambium build -f Dockerfile --build-arg VERSION=2 --target prod
  $ cambium build --no-cache=test                       a Dockerfile's stage anew, the others as they are
  $ cambium build -t registry.example/app:1 --cache-from ./cache --cache-to ./cache
  $ cambium build --cache-to registry.example/app:cache,mounts=none
  $ cambium build --locked                              only what cambium.lock says
`,
    )
    .action((path: string, options: BuildOptions) =>
      act((world) =>
        withSession(world, options, async (session, reporter) => {
          const settings: BuildSettings = {
            ...projectSettings(world, session, path, options),
            tags: [...new Set(options.tag ?? [])],
            outputs: (options.output ?? []).map((text) => parseOutput(text, world.cwd)),
            push: options.push === true,
            ...(options.load === undefined ? {} : { load: options.load }),
            cacheFrom: (options.cacheFrom ?? []).map((text) => cacheFrom(text, world.cwd)),
            cacheTo: (options.cacheTo ?? []).map((text) => cacheTo(text, world.cwd)),
            dockerfile: dockerfileSettings(world, options),
          };
          assertOutputsApart(settings.outputs);
          if (settings.push && settings.tags.length === 0) {
            throw usageError("PUSH_UNTAGGED", "--push: no --tag says where to", "Add -t REGISTRY/NAME:TAG.");
          }
          const result = await world.library.build(settings);
          reporter.succeed();
          // On a terminal the closing lines have it already.
          if (world.stdout.isTTY !== true) world.stdout.write(`${result.digest}\n`);
          return 0;
        }),
      ),
    );
}
