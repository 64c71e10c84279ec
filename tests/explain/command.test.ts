import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildList } from "../../src/actions/results.ts";
import { eventually, type StepWorld, startStepWorld } from "../dockerfile/step-world.ts";
import { errorIn } from "../support/command.ts";
import { needs } from "../support/needs.ts";
import type { Machine } from "../support/registry-bases.ts";
import { explainedBy, stepOf, toldOf } from "./explained.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("cambium explain", () => {
  let steps: StepWorld;
  beforeAll(async () => {
    steps = await startStepWorld();
  });
  afterAll(async () => steps?.[Symbol.asyncDispose]());

  const build = (machine: Machine, folder: string, ...args: readonly string[]) =>
    machine.run(["build", folder, "--progress", "plain", ...args]);

  test("shows each step, the cause below a miss, and the miss that cost most", async () => {
    const machine = steps.newMachine();
    const folder = steps.context("FROM base\nRUN sleep 0.3\nCOPY src /src\nRUN sleep 0.3; cat /src/a\n", {
      "src/a": "one\n",
    });
    await build(machine, folder);
    writeFileSync(join(folder, "src/a"), "two\n");
    const said = await build(machine, folder);
    const ran = await machine.run(["explain"], { cwd: folder });
    const shown = ran.stdout
      .replaceAll(/\d+\.?\d* s\b/g, "N s")
      .replaceAll(/\b\d+s\b/g, "Ns")
      .replace(/ {5,}N s/g, "     N s");
    const [first, second] = (await listOf(machine)).map(({ id }) => id);
    expect(shown).toBe(
      `${first}  Dockerfile  Ns ago  N s  ${said.stdout.slice(7, 19)}
compared with ${second}, Ns ago

linux/${process.arch === "arm64" ? "arm64" : "amd64"}
  0
         hit               FROM ${steps.base}
      2  hit               RUN sleep 0.3  Ns old, saved N s
      3  miss         N s COPY src /src
                         src/a changed
      4  miss         N s RUN sleep 0.3; cat /src/a
                         src/a changed (COPY src /src, line 3)

4 steps: 2 hits saved N s, 2 misses took N s
most expensive miss: RUN sleep 0.3; cat /src/a (N s): src/a changed (COPY src /src, line 3)
`.replace(/ {5,}N s/g, "     N s"),
    );
    const one = await machine.run(["explain", "--step", "2"], { cwd: folder });
    expect(one.stdout).toMatch(/\n {6}2 {2}hit/);
    expect(one.stdout).toMatch(/\n1 step: 1 hit saved/);
    const words = explainedBy(await machine.run(["explain", "--json", "--step", "cat"], { cwd: folder }));
    expect(words.images[0]!.stages[0]!.steps.map(({ text }) => text)).toEqual(["RUN sleep 0.3; cat /src/a"]);
  });

  test("takes the last build of the folder, a number of builds back, or an id", async () => {
    const machine = steps.newMachine();
    const [here, there] = [
      steps.context("FROM base\nRUN echo here\n"),
      steps.context("FROM base\nRUN echo there\n"),
    ];
    for (const folder of [here, there]) await build(machine, folder);
    await build(machine, here, "--no-cache");
    const builds = await listOf(machine);
    expect(builds.map(({ folder }) => folder)).toEqual([here, there, here]);
    const told = async (cwd: string, ...args: readonly string[]) =>
      explainedBy(await machine.run(["explain", "--json", ...args], { cwd })).build.id;
    expect(await told(there)).toBe(builds[1]!.id);
    expect(await told(here)).toBe(builds[0]!.id);
    expect(await told(here, "1")).toBe(builds[2]!.id);
    expect(await told("/")).toBe(builds[0]!.id);
    expect(await told("/", builds[1]!.id)).toBe(builds[1]!.id);
    expect(await told("/", builds[1]!.id.slice(-12))).toBe(builds[1]!.id);
    for (const [args, message] of [
      [["7"], /BUILD_UNKNOWN\]: build 7: only 2 are kept/],
      [["nothing"], /BUILD_UNKNOWN\]: no build has the id "nothing"[\s\S]*cambium explain --list/],
      [["202"], /BUILD_UNKNOWN/],
      [["20"], /BUILD_UNKNOWN/],
    ] as const) {
      const ran = await machine.run(["explain", ...args], { cwd: here });
      expect(ran.exitCode).toBe(2);
      expect(errorIn(ran)).toMatch(message);
    }
    const empty = await steps.newMachine().run(["explain"]);
    expect(empty).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("no build is kept") });
  });

  test("knows builds that failed and that were interrupted, and what came of them", async () => {
    const machine = steps.newMachine();
    const folder = steps.context("FROM base AS one\nRUN exit 3\nFROM base\nCOPY --from=one / /one\n");
    expect(await build(machine, folder)).toMatchObject({ exitCode: 1 });
    const failed = explainedBy(await machine.run(["explain", "--json"], { cwd: folder }));
    expect(failed.build.outcome).toBe("failed");
    expect(toldOf(failed, "RUN exit 3")).toBe("failed: never built before");

    const slow = steps.context(`FROM base\nRUN --mount=type=cache,target=/s touch /s/begun; sleep 30\n`);
    let stop: (() => void) | undefined;
    const ran = machine.run(["build", slow, "--progress", "plain"], {
      onStart: (child) => {
        stop = () => child.kill("SIGINT");
      },
    });
    const begun = async () => {
      const list = await machine.run(["mount", "ls", "--json"]);
      const [mount] = (JSON.parse(list.stdout) as { mounts: { folder: string }[] }).mounts;
      return mount !== undefined && existsSync(join(mount.folder, "begun"));
    };
    await eventually(begun);
    stop?.();
    expect(await ran).toMatchObject({ exitCode: 130 });
    const stopped = explainedBy(await machine.run(["explain", "--json"], { cwd: slow }));
    expect(stopped.build.outcome).toBe("stopped");
    expect(stepOf(stopped, "RUN").outcome).toBe("stopped");
  });

  async function listOf(machine: Machine): Promise<BuildList["builds"]> {
    return (JSON.parse((await machine.run(["explain", "--list", "--json"])).stdout) as BuildList).builds;
  }
});
