import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PlanResult } from "../../src/actions/results.ts";
import { digestOf } from "../../src/layer/digest.ts";
import { type StepWorld, startStepWorld } from "../dockerfile/step-world.ts";
import { startFaultyServer } from "../support/faulty-server.ts";
import { hostLayer } from "../support/host-layer.ts";
import { layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import type { Machine } from "../support/registry-bases.ts";
import { explainedBy, toldOf } from "./explained.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("explain names what changed", () => {
  let steps: StepWorld;
  let machine: Machine;

  beforeAll(async () => {
    steps = await startStepWorld();
    machine = steps.newMachine();
  });
  afterAll(async () => steps?.[Symbol.asyncDispose]());

  async function build(folder: string, ...args: readonly string[]): Promise<string> {
    const ran = await machine.run(["build", folder, "--progress", "plain", ...args]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    return ran.stderr;
  }

  const explain = async (folder: string) =>
    explainedBy(await machine.run(["explain", "--json"], { cwd: folder }));

  test("in a file from the web, with and without a checksum", async () => {
    await using server = await startFaultyServer();
    const url = server.serve("/tool", "one\n");
    const sum = digestOf("one\n");
    const folder = steps.context(
      `FROM base\nADD --checksum=${sum} ${url} /sum\nADD ${url} /free\nRUN cat /sum\n`,
    );
    await build(folder);
    server.serve("/tool", "two\n");
    const changed = digestOf("two\n");
    writeFileSync(
      join(folder, "Dockerfile"),
      `FROM ${steps.base}\nADD --checksum=${changed} ${url} /sum\nADD ${url} /free\nRUN cat /sum\n`,
    );
    await build(folder);
    const told = await explain(folder);
    const cause = `source checksum changed: ${sum.slice(0, 60)}… → ${changed.slice(0, 60)}…`;
    expect(toldOf(told, `ADD ${url} /sum`)).toBe(`miss: ${cause}`);
    expect(toldOf(told, `ADD ${url} /free`)).toBe("miss: /free changed");
    expect(toldOf(told, "RUN cat")).toMatch(/^miss: source checksum changed: .*, line 2\), and 1 more$/);
  });

  test("in the base behind a tag", async () => {
    const base = await steps.world.pushBase("moves:1", [hostLayer()], { env: [["PATH", "/bin"]] });
    const folder = steps.context(`FROM ${base}\nRUN echo moved > /moved\n`);
    await build(folder);
    const layers = [hostLayer(), layerOf({ path: "added", file: "added\n" })];
    await steps.world.pushBase("moves:1", layers, { env: [["PATH", "/bin"]] });
    await build(folder, "--pull");
    expect(toldOf(await explain(folder), "RUN echo moved")).toMatch(
      /^miss: base \S+\/moves:1 is another image: sha256:[0-9a-f]+… → sha256:[0-9a-f]+… \(FROM \S+\/moves:1\)$/,
    );
  });

  test("in the platform, in advance: the plan says it", async () => {
    const arm = { os: "linux", architecture: "arm64" } as const;
    const base = await steps.world.pushBase("arm:1", [hostLayer()], { env: [["PATH", "/bin"]] }, arm);
    const folder = steps.context("FROM base\nRUN echo platform > /platform\n");
    await build(folder, "--platform", "linux/amd64");
    writeFileSync(join(folder, "Dockerfile"), `FROM ${base}\nRUN echo platform > /platform\n`);
    const ran = await machine.run(["plan", folder, "--platform", "linux/arm64", "--json"]);
    const [image] = (JSON.parse(ran.stdout) as PlanResult).images;
    expect(image!.stages![0]!.steps).toMatchObject([
      { state: "miss", cause: "platform changed: linux/amd64 → linux/arm64" },
    ]);
  });

  test("in a plan, in the words that the build then has", async () => {
    const folder = steps.context("FROM base\nCOPY src /src\nRUN cat /src/a\n", { "src/a": "planned\n" });
    await build(folder);
    writeFileSync(join(folder, "src/a"), "changed\n");
    const ran = await machine.run(["plan", folder]);
    expect(ran.stdout).toContain("2  miss  COPY src /src # buildkit  (src/a changed)\n");
    expect(ran.stdout).toContain("  (src/a changed (COPY src /src, line 2))\n");
    expect(ran.stdout).toContain("2 steps: 0 hit, 2 miss, 0 open\n");
    const said = await build(folder);
    expect(said).toMatch(
      / {2}most expensive miss: RUN cat \/src\/a \([\d.]+ s\): src\/a changed \(COPY src \/src, line 2\) \(cambium explain\)\n/,
    );
  });

  test("in what is merged and what is compared", async () => {
    const yaml = (text: string) => `from: ${steps.base}
stages:
  low: { from: "${steps.base}", run: echo low > /low }
  high: { stage: low, run: echo ${text} > /high }
  added: { diff: { lower: low, upper: high } }
  other: { from: "${steps.base}", run: rm /data/two }
  computed: { diff: { lower: low, upper: other } }
steps:
  - merge: [added, computed]
  - run: cat /high
`;
    const folder = steps.world.project("merged", { "cambium.yaml": yaml("one") });
    await build(folder);
    writeFileSync(join(folder, "cambium.yaml"), yaml("two"));
    await build(folder);
    const told = await explain(folder);
    expect(toldOf(told, "MERGE")).toMatch(
      /^miss: command changed: .*echo one.* → .*echo two.* \(RUN echo two/,
    );
    expect(toldOf(told, "RUN cat /high")).toMatch(/^miss: command changed: .*echo two.*/);
    writeFileSync(
      join(folder, "cambium.yaml"),
      yaml("two").replace("[added, computed]", "[computed, added]"),
    );
    await build(folder);
    expect(toldOf(await explain(folder), "MERGE")).toBe(
      "miss: stage changed: added computed → computed added",
    );
    writeFileSync(join(folder, "cambium.yaml"), yaml("two").replace("rm /data/two", "rm /data/one"));
    await build(folder);
    expect(toldOf(await explain(folder), "diff")).toMatch(
      /^miss: command changed: .*rm \/data\/two → .*rm \/data\/one/,
    );
  });

  test("when a result is gone", async () => {
    const folder = steps.context("FROM base\nRUN echo gone > /gone\n");
    await build(folder);
    for (const part of ["blobs-v1", "trees-v1"])
      rmSync(join(machine.store, part), { recursive: true, force: true });
    await build(folder);
    expect(toldOf(await explain(folder), "RUN echo gone")).toBe(
      "miss: it was built before, and its layer is gone: pruned, or not in the registry",
    );
  });
});
