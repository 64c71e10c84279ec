import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root } from "../../scripts/paths.ts";
import { needs } from "../support/needs.ts";
import type { BaseWorld, Machine } from "../support/registry-bases.ts";
import { type DebianWorld, startDebianWorld } from "./debian-world.ts";

describe.runIf(needs("docker-registry", "runc", "root", "python3"))("--on-error shell", () => {
  let debian: DebianWorld;
  let world: BaseWorld;
  let machine: Machine;
  let base: string;

  beforeAll(async () => {
    debian = await startDebianWorld();
    ({ world, builder: machine, base } = debian);
  });
  afterAll(async () => debian?.[Symbol.asyncDispose]());

  /** `size`: what the terminal begins with, and then what becomes of it once something is written. */
  function buildOnTerminal(project: string, script: string, size: readonly string[] = []) {
    const helper = join(root, "tests", "support", "on-terminal.py");
    const wrapper = ["python3", helper, "120", "exit ends the build", script, ...size, "--"];
    const flags = ["--progress", "plain", "--platform", "linux/amd64", "--on-error", "shell"];
    return machine.run(["build", project, ...flags], { wrapper, env: { NO_COLOR: "1" } });
  }

  test("shows what the failed step left, with its mounts and environment, and ends with its failure", async () => {
    const project = world.project("failing", {
      Dockerfile: `FROM ${base}
RUN echo earlier > /earlier
ENV NAME=value
WORKDIR /work
USER 1000
RUN --mount=type=cache,target=/c,uid=1000 rm -f /tmp/none && echo left > /tmp/left && echo cached > /c/cached && exit 7
`,
    });
    const script =
      "echo uid=$(id -u) in=$PWD name=$NAME; cat /earlier /tmp/left /c/cached; test -t 0 && echo terminal; echo more > /tmp/more; exit 3\n";
    const ran = await buildOnTerminal(project, script);
    const lines = ran.stdout.split(/\r?\n/);
    expect(lines).toEqual(
      expect.arrayContaining(["uid=1000 in=/work name=value", "earlier", "left", "cached", "terminal"]),
    );
    expect(ran.stdout).toMatch(/error\[STEP_FAILED\]: line 6: [\s\S]*exit code 7/);
    expect(ran.exitCode).toBe(1);
    expect(readdirSync(join(machine.store, "runs-v1"))).toEqual([]);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(machine.store);
  });

  test("is as large as the terminal, and follows it", async () => {
    const project = world.project("sized", { Dockerfile: `FROM ${base}\nRUN exit 7\n` });
    // What is typed is echoed, so it must not have in it what is waited for.
    const script =
      "echo first: $(stty size); echo made-$((1 + 1)); i=0; while [ $i -lt 600 ] && [ $(stty size | cut -d' ' -f1) = 33 ]; do sleep 0.05; i=$((i + 1)); done; echo then: $(stty size); exit\n";
    const ran = await buildOnTerminal(project, script, ["33x101", "made-2", "44x123"]);
    expect(ran.stdout).toMatch(/^first: 33 101\r?$/m);
    expect(ran.stdout).toMatch(/^then: 44 123\r?$/m);
    expect(ran.exitCode).toBe(1);
  });

  test("needs a terminal, which is said before any work", async () => {
    const project = world.project("no-terminal", { Dockerfile: "FROM nowhere.example/none\n" });
    const ran = await machine.run(["build", project, "--on-error", "shell"]);
    expect(ran.stderr).toMatch(/error\[SHELL_NO_TERMINAL\]/);
    expect(ran.exitCode).toBe(2);
  });
});
