import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Ran, RunOptions } from "../support/command.ts";
import { type BaseWorld, startBaseWorld } from "../support/registry-bases.ts";
import { writeTree } from "../support/tree.ts";

type Files = Parameters<typeof writeTree>[1];

export type BuiltSteps = {
  readonly digest: string;
  readonly stderr: string;
  /** Steps that ran or copied anew, by `STAGE NUMBER: TEXT`, sorted. */
  readonly missed: readonly string[];
  /** The text of a file of the image. */
  text(path: string): string;
  /** Where its files are. */
  readonly rootfs: string;
};

export type StepsWorld = AsyncDisposable & {
  readonly world: BaseWorld;
  readonly store: string;
  /** Writes files below a project's folder, which keeps its others, and gives that. */
  project(name: string, files: Files): string;
  /** Builds for amd64 and unpacks the image; @throws Error with what the command said. */
  build(project: string, args?: readonly string[], env?: RunOptions["env"]): Promise<BuiltSteps>;
  run(args: readonly string[], env?: RunOptions["env"]): Promise<Ran>;
};

/** No server is there: what asks one fails. */
export const NO_NETWORK = { HTTP_PROXY: "http://127.0.0.1:9", HTTPS_PROXY: "http://127.0.0.1:9" };

/** A machine that builds projects with commands, one store for all; in this world, which ends with it, or in a new one. */
export async function startStepsWorld(given?: BaseWorld): Promise<StepsWorld> {
  const world = given ?? (await startBaseWorld([]));
  const machine = world.machine("machine");
  let count = 0;
  const run: StepsWorld["run"] = (args, env) => machine.run(args, { ...(env !== undefined && { env }) });
  return {
    world,
    store: machine.store,
    project(name, files) {
      const folder = world.at(name);
      writeTree(folder, files);
      return folder;
    },
    async build(project, args = [], env) {
      count += 1;
      const rootfs = world.at(`rootfs-${count}`);
      const flags = ["--progress", "json", "--platform", "linux/amd64", "-o", `type=rootfs,dest=${rootfs}`];
      const ran = await run(["build", project, ...flags, ...args], env);
      if (ran.exitCode !== 0) throw new Error(ran.stderr);
      const events = ran.stderr.split("\n").filter((line) => line.startsWith("{"));
      const missed = events.flatMap((line) => {
        const { type, outcome, id = "" } = JSON.parse(line) as Record<string, string>;
        return type === "step-done" && outcome === "done" && /^\S+ \d+: /.test(id) ? [id] : [];
      });
      return {
        ...{ digest: ran.stdout.trim(), stderr: ran.stderr, missed: missed.sort(), rootfs },
        text: (path) => readFileSync(join(rootfs, path), "utf8"),
      };
    },
    run,
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}
