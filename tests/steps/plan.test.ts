import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PlanResult } from "../../src/actions/results.ts";
import { errorIn } from "../support/command.ts";
import { needs } from "../support/needs.ts";
import { NO_NETWORK, type StepsWorld, startStepsWorld } from "./steps-world.ts";
import "../support/in-memory.ts";

const NOT_HERE = "packages below it are not here yet";

describe.runIf(needs("docker-registry", "runc", "root"))("the plan of a project with commands", () => {
  let steps: StepsWorld;
  beforeAll(async () => {
    steps = await startStepsWorld();
  });
  afterAll(async () => steps?.[Symbol.asyncDispose]());

  async function planOf(project: string, args: readonly string[] = [], env?: Record<string, string>) {
    const ran = await steps.run(["plan", project, "--platform", "linux/amd64", "--json", ...args], env);
    expect(ran.exitCode, ran.stderr).toBe(0);
    const [image] = (JSON.parse(ran.stdout) as PlanResult).images;
    return image!;
  }

  /** The name of each stage, then the state of each of its steps, with its cause. */
  async function statesOf(...asked: Parameters<typeof planOf>) {
    const { stages = [] } = await planOf(...asked);
    const told = ({ state, cause }: { state: string; cause?: string }) =>
      cause === undefined ? state : `${state}: ${cause}`;
    return stages.map(({ name, steps: all }) => [name, ...all.map(told)]);
  }

  const yaml = (packages = "") => `
debian: bookworm
${packages}
stages:
  base: { debian: bookworm, run: echo base > /base }
  made: { stage: base, copy: a.txt:/, run: [cat /a.txt > /made, cat /made > /again] }
  added: { diff: { lower: base, upper: made } }
  unused: { stage: base, run: exit 1 }
steps:
  - copy: b.txt:/
  - run: cat /b.txt > /seen
  - copy: { from: /made, to: /taken, stage: made }
  - merge: [added]
  - run: cat /made /taken > /both
`;

  test("says what a build would find known and what it would run, and runs nothing", {
    timeout: 600_000,
  }, async () => {
    const files = { "cambium.yaml": yaml(), "a.txt": "a\n", "b.txt": "b\n" };
    const project = steps.project("planned", files);
    // Nothing of Debian is here: every command runs.
    expect(await statesOf(project)).toEqual([
      ["base", `miss: ${NOT_HERE}`],
      ["made", "open: stage base is not made yet", "miss", "miss"],
      ["added"],
      ["image", `open: ${NOT_HERE}`, "miss", "open", "open", "miss"],
    ]);
    expect(readdirSync(steps.store)).not.toContain("runs-v1");

    await steps.build(project);
    const hits = [
      ["base", "hit"],
      ["made", "hit", "hit", "hit"],
      ["added"],
      ["image", "hit", "hit", "hit", "hit", "hit"],
    ];
    const planned = await planOf(project, [], NO_NETWORK);
    expect(planned).toMatchObject({ downloadBytes: 0, unneededStages: ["unused"] });
    expect(planned.layers.every(({ isReused }) => isReused)).toBe(true);
    expect(await statesOf(project)).toEqual(hits);

    writeFileSync(join(project, "b.txt"), "other\n");
    expect((await statesOf(project)).at(-1)).toEqual([
      "image",
      "miss: b.txt changed",
      "miss: b.txt changed (COPY b.txt /, step 1)",
      "open",
      "open",
      "open",
    ]);
    const { missed } = await steps.build(project);
    // The plan has read the file already. What the command leaves is new, and so is all that stands on it.
    expect(missed).toEqual([
      "image 2: RUN /bin/sh -c cat /b.txt > /seen",
      "image 4: MERGE",
      "image 5: RUN /bin/sh -c cat /made /taken > /both",
    ]);
    expect(await statesOf(project)).toEqual(hits);

    writeFileSync(join(project, "a.txt"), "other\n");
    expect(await statesOf(project)).toEqual([
      ["base", "hit"],
      ["made", "miss: a.txt changed", "miss: a.txt changed (COPY a.txt /, made, step 1)", "open"],
      ["added"],
      ["image", "hit", "hit", "open: stage made is not made yet", "open", "open"],
    ]);
    expect(readdirSync(join(steps.store, "runs-v1"))).toEqual([]);
  });

  test("follows --target and --no-cache=STAGE", async () => {
    const project = steps.project("flags", { "cambium.yaml": yaml(), "a.txt": "a\n", "b.txt": "b\n" });
    await steps.build(project);
    const { stages, unneededStages } = await planOf(project, ["--target", "base"]);
    expect(stages?.map(({ name, base }) => [name, base])).toEqual([["base", "debian bookworm (standard)"]]);
    expect(unneededStages).toEqual(["made", "added", "unused"]);
    expect((await statesOf(project, ["--no-cache=made"])).slice(0, 2)).toEqual([
      ["base", "hit"],
      ["made", "miss: --no-cache=made", "miss: --no-cache=made", "miss: --no-cache=made"],
    ]);
    const ran = await steps.run(["plan", project, "--no-cache=maed", "--progress", "plain"]);
    expect(errorIn(ran)).toMatch(/STAGE_UNKNOWN\]: --no-cache: no stage "maed"[\s\S]*Did you mean made\?/);
  });

  test("tells of packages that are not here, that are, and that were composed", async () => {
    const of = (packages: string) =>
      `debian: bookworm\napt: [${packages}]\ncopy: a.txt:/\nrun: ls /usr/bin > /seen\n`;
    const project = steps.project("packages", { "cambium.yaml": of("file"), "a.txt": "a\n" });
    await steps.build(project);
    const write = (packages: string) => writeFileSync(join(project, "cambium.yaml"), of(packages));
    write("less");
    expect(await statesOf(project)).toEqual([["image", `open: ${NOT_HERE}`, "miss"]]);
    await steps.build(project);
    expect(await statesOf(project)).toEqual([["image", "hit", "hit"]]);
    // Each is here, and nothing was ever made of both.
    write("file, less");
    expect(await statesOf(project)).toEqual([
      ["image", "open: packages below it are not composed yet", "open"],
    ]);
    write("file");
    expect(await statesOf(project, [], NO_NETWORK)).toEqual([["image", "hit", "hit"]]);
    const shown = await steps.run(["plan", project, "--platform", "linux/amd64"], { NO_COLOR: "1" });
    expect(shown.stdout).toMatch(
      /\n {2}image from debian bookworm \(standard\)\n {6}1 {2}hit {3}COPY a.txt \//,
    );
    expect(shown.stdout).toMatch(/\n {2}2 steps: 2 hit, 0 miss, 0 open\n/);
  });
});
