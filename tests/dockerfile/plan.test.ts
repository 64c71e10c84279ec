import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needs } from "../support/needs.ts";
import type { BaseWorld, Machine } from "../support/registry-bases.ts";
import { type DebianWorld, startDebianWorld } from "./debian-world.ts";

type Plan = {
  readonly images: readonly {
    readonly stages: readonly {
      readonly name: string;
      readonly base: string;
      readonly steps: readonly { readonly line: number; readonly text: string; readonly state: string }[];
    }[];
    readonly unneededStages: readonly string[];
  }[];
};

describe.runIf(needs("docker-registry", "runc", "root"))("the plan of a Dockerfile", () => {
  let debian: DebianWorld;
  let world: BaseWorld;
  let machine: Machine;
  let base: string;

  beforeAll(async () => {
    debian = await startDebianWorld();
    ({ world, builder: machine, base } = debian);
  });
  afterAll(async () => debian?.[Symbol.asyncDispose]());

  async function statesOf(project: string, ...args: readonly string[]) {
    const ran = await machine.run(["plan", project, "--platform", "linux/amd64", "--json", ...args]);
    expect(ran).toMatchObject({ exitCode: 0 });
    const [image] = (JSON.parse(ran.stdout) as Plan).images;
    const stages = image!.stages.map(({ name, steps }) => [name, ...steps.map(({ state }) => state)]);
    return { stages, unneeded: image!.unneededStages };
  }

  test("says what a build would find known and what it would run, and runs nothing", async () => {
    const dockerfile = (command: string) => `FROM ${base} AS made
COPY a /a
RUN ${command} > /made
FROM ${base} AS unused
RUN exit 1
FROM ${base}
WORKDIR /new
COPY --from=made /made /made
RUN cat /made > /seen
`;
    const project = world.project("app", { Dockerfile: dockerfile("cat /a"), a: "a\n" });
    expect(await statesOf(project)).toEqual({
      stages: [
        ["made", "miss", "miss"],
        ["2", "miss", "open", "open"],
      ],
      unneeded: ["unused"],
    });
    expect(readdirSync(machine.store)).not.toContain("runs-v1");
    expect(await machine.run(["build", project, "--platform", "linux/amd64"])).toMatchObject({ exitCode: 0 });
    const all = [
      ["made", "hit", "hit"],
      ["2", "hit", "hit", "hit"],
    ];
    expect(await statesOf(project)).toEqual({ stages: all, unneeded: ["unused"] });
    expect((await statesOf(project, "--no-cache=2")).stages[1]?.at(-1)).toBe("miss");
    expect((await statesOf(project, "--target", "made")).unneeded).toEqual(["unused", "2"]);

    world.project("app", { Dockerfile: dockerfile("cat /a /a") });
    expect((await statesOf(project)).stages).toEqual([
      ["made", "hit", "miss"],
      ["2", "hit", "open", "open"],
    ]);
    const shown = await machine.run(["plan", project, "--platform", "linux/amd64"], {
      env: { NO_COLOR: "1" },
    });
    expect(shown.stdout).toContain("  not needed: unused\n  5 steps: 2 hit, 1 miss, 2 open\n");
    expect(shown.stdout).toMatch(/^ {6}3 {2}miss {2}RUN/m);
    expect(readdirSync(join(machine.store, "runs-v1"))).toEqual([]);
  });
});
