import { Command } from "commander";
import type { Act } from "./action.ts";
import { defineBuild } from "./commands/build.ts";
import { defineCache } from "./commands/cache.ts";
import { defineExplain } from "./commands/explain.ts";
import { defineInspect } from "./commands/inspect.ts";
import { defineLock } from "./commands/lock.ts";
import { defineMount } from "./commands/mount.ts";
import { definePlan } from "./commands/plan.ts";
import { defineRebase } from "./commands/rebase.ts";
import { defineRun } from "./commands/run.ts";
import { defineValidate } from "./commands/validate.ts";
import { version } from "./version.ts";

/** Help is written for this width, so that it, and the reference made from it, do not change with the terminal. */
const helpWidth = 110;

/** All commands with their flags; nothing runs but through `act`. */
export function createProgram(act: Act): Command {
  const program = new Command("cambium")
    .description(
      "Builds OCI container images so that a rebuild costs what the change is worth, on any machine.",
    )
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ helpWidth })
    .addHelpText(
      "after",
      `
Environment:
  CAMBIUM_ROOT              the store (default: cambium in the user's cache folder)
  CAMBIUM_CA_BUNDLE         what --ca-bundle says
  CAMBIUM_DEBIAN_MIRROR     what --debian-mirror says
  CAMBIUM_MOUNTS_MAX        what all cache mounts may take together, as in 50GB (default: 20GB)
  CAMBIUM_PROJECT           whose cache mounts a build uses (default: by git remote, tag or folder)
  CAMBIUM_REGISTRY_MIRRORS  registry=mirror, with commas; a mirror alone is Docker Hub's
  CAMBIUM_STORE_MAX         what the store may take, as in 100GB (default: 50GB, at most half of the disk)
  SOURCE_DATE_EPOCH         time, in seconds, for what would carry the current one
  NO_COLOR                  no colour
  HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE, the settings of pip and uv, and the logins of docker and podman are honoured.

Exit codes: 0 done, 1 the build failed, 2 wrong usage or configuration, 3 the environment lacks something.

Examples:
  $ cambium build -t app:1 -o type=docker,dest=app.tar
  $ cambium run . python -V
`,
    );
  defineBuild(program.command("build"), act);
  definePlan(program.command("plan"), act);
  defineExplain(program.command("explain"), act);
  defineLock(program.command("lock"), act);
  defineRun(program.command("run"), act);
  defineRebase(program.command("rebase"), act);
  defineInspect(program.command("inspect"), act);
  defineValidate(program.command("validate"), act);
  defineCache(program.command("cache"), act);
  defineMount(program.command("mount"), act);
  return program;
}
