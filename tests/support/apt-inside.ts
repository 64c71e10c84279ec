import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { readCambiumLock } from "../../src/ecosystems/cambium-lock.ts";
import type { Suite } from "../../src/ecosystems/debian/lock.ts";
import { resolveMirrors } from "../../src/ecosystems/debian/mirror.ts";
import type { BaseWorld, Machine } from "./registry-bases.ts";

/** A computed base with apt, in the registry. */
export type AptBase = {
  readonly reference: string;
  /** `name version`, as the lock has them. */
  readonly packages: readonly string[];
};

export async function pushAptBase(suite: Suite, world: BaseWorld, machine: Machine): Promise<AptBase> {
  const reference = `${world.registry.address}/apt:${suite}`;
  const project = world.project(`apt-${suite}`, {
    "cambium.yaml": `debian: ${suite}\napt: [apt]\ncmd: [bash]\nplatforms: [linux/amd64]\n`,
  });
  const locked = await machine.run(["lock", project]);
  expect(locked.exitCode, locked.stderr).toBe(0);
  const lock = readCambiumLock(readFileSync(`${project}/cambium.lock`, "utf8"), "cambium.lock");
  await machine.build(project, "--locked", "-t", reference, "--push");
  const packages = lock.debian?.targets.amd64?.map(({ name, version }) => `${name} ${version}`) ?? [];
  return { reference, packages };
}

/**
 * Builds a Dockerfile on a base; gives what steps said after `echo == NAME`, up to the next or their end, the image as a
 * folder, and how many steps were known.
 */
export async function runInside(
  { reference }: AptBase,
  name: string,
  steps: readonly string[],
  world: BaseWorld,
  machine: Machine,
  flags: readonly string[] = [],
): Promise<{
  readonly said: ReadonlyMap<string, readonly string[]>;
  readonly root: string;
  readonly known: number;
}> {
  const project = world.project(name, {
    Dockerfile: [`FROM ${reference}`, ...steps.map((step) => `RUN ${step}`), ""].join("\n"),
  });
  const root = world.at(`${name}-root`);
  const ran = await machine.run([
    ...["build", project, "--progress", "plain", "--platform", "linux/amd64", "-t", `${name}:1`, ...flags],
    ...(flags.length === 0 ? ["-o", `type=rootfs,dest=${root}`] : []),
  ]);
  expect(ran.exitCode, ran.stderr).toBe(0);
  const said = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of ran.stderr.split("\n")) {
    const text = /^ +\| ?(.*)$/.exec(line)?.[1];
    const heading = text === undefined ? undefined : /^== (.*)$/.exec(text)?.[1];
    if (heading !== undefined) {
      current = [];
      said.set(heading, current);
    } else if (text === undefined) current = [];
    else current.push(text);
  }
  return { said, root, known: (ran.stderr.match(/^known .*: RUN /gm) ?? []).length };
}

/** Files of a root that name one of this machine's mirrors, where a step could have left one. */
export function filesNamingMirrors(root: string): string[] {
  const mirrors = resolveMirrors({});
  const hosts = new Set([...mirrors.debian, ...mirrors["debian-security"]].map((url) => new URL(url).host));
  const patterns = [...hosts].flatMap((host) => ["-e", host]);
  const folders = ["etc", "var/lib", "var/cache", "var/log", "run", "tmp"].map((name) => `${root}/${name}`);
  try {
    return execFileSync("grep", ["-rlaF", ...patterns, ...folders], { encoding: "utf8" })
      .trim()
      .split("\n");
  } catch (error) {
    // grep says with 1 that there is none.
    if ((error as { readonly status?: number }).status === 1) return [];
    throw error;
  }
}
