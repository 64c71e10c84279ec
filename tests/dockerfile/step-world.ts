import type { ChildProcess } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { MountList } from "../../src/actions/results.ts";
import type { Ran, RunOptions } from "../support/command.ts";
import { hostLayer } from "../support/host-layer.ts";
import { type BaseWorld, type Machine, startBaseWorld } from "../support/registry-bases.ts";

export type StepBuild = Partial<RunOptions> & { readonly args?: readonly string[] };

/** A build that is at work. */
export type Started = {
  readonly ran: Promise<Ran>;
  readonly child: Promise<ChildProcess>;
  /** When it has said this. */
  said(part: string): Promise<void>;
};

export type StepWorld = AsyncDisposable & {
  readonly world: BaseWorld;
  /** Reference of an image of this machine's shell and small programs: nothing has to be fetched. */
  readonly base: string;
  newMachine(): Machine;
  /** A folder with a Dockerfile and files, in which `FROM base` is on the base. */
  context(dockerfile: string, files?: Readonly<Record<string, string>>): string;
  /** Builds a Dockerfile as the project `p`; each in a folder of its own, so nothing hangs on that. */
  build(machine: Machine, dockerfile: string, options?: StepBuild): Promise<Ran>;
  start(machine: Machine, dockerfile: string, options?: StepBuild): Started;
};

/** A registry and machines for Dockerfiles whose steps matter, not their base. */
export async function startStepWorld(): Promise<StepWorld> {
  const world = await startBaseWorld([]);
  const base = await world.pushBase("base:1", [hostLayer()], { env: [["PATH", "/bin"]] });
  let count = 0;
  const steps: StepWorld = {
    world,
    base,
    newMachine: () => world.machine(`machine-${count++}`),
    context(dockerfile, files = {}) {
      const folder = world.at(`context-${count++}`);
      for (const [path, text] of Object.entries({ Dockerfile: dockerfile, ...files })) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text.replaceAll("FROM base", `FROM ${base}`));
      }
      return folder;
    },
    build(machine, dockerfile, { args = [], ...options } = {}) {
      const flags = ["--progress", "plain", "--platform", "linux/amd64"];
      const env = { CAMBIUM_PROJECT: "p", ...options.env };
      return machine.run(["build", steps.context(dockerfile), ...flags, ...args], { ...options, env });
    },
    start(machine, dockerfile, options) {
      let text = "";
      const child = Promise.withResolvers<ChildProcess>();
      const ran = steps.build(machine, dockerfile, {
        ...options,
        onStart: (process) => {
          process.stderr?.on("data", (part: string) => {
            text += part;
          });
          child.resolve(process);
        },
      });
      return { ran, child: child.promise, said: (part) => eventually(() => text.includes(part)) };
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
  return steps;
}

/** Waits, in a step, until the mount at /s has a file of this name. */
export const awaitFile = (name: string) =>
  `i=0; while [ ! -e /s/${name} ] && [ $i -lt 600 ]; do sleep 0.05; i=$((i+1)); done; [ -e /s/${name} ]`;

/** Cache mounts of a machine, as `mount ls` has them. */
export async function mountsOf(machine: Machine): Promise<MountList["mounts"]> {
  const ran = await machine.run(["mount", "ls", "--json"]);
  if (ran.exitCode !== 0) throw new Error(ran.stderr);
  return (JSON.parse(ran.stdout) as MountList).mounts;
}

export async function mountFolder(machine: Machine, id: string): Promise<string> {
  const found = (await mountsOf(machine)).find((mount) => mount.id === id);
  if (found === undefined) throw new Error(`no mount ${id}`);
  return found.folder;
}

/** At most half a minute. */
export async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (await isSo()) return;
    await sleep(100);
  }
  throw new Error("it never came to that");
}
