import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StepWorld, startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import { type Built, builtBy, type Machine } from "../support/registry-bases.ts";

const UUID = "cat /proc/sys/kernel/random/uuid";

describe.runIf(needs("docker-registry", "runc", "root"))("cambium cache prune --remote", () => {
  let world: StepWorld;
  beforeAll(async () => {
    world = await startStepWorld();
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const text = (name: string) => `FROM base\nRUN ${UUID} > /common\nRUN ${UUID} > /${name}\n`;
  async function build(machine: Machine, name: string, ...args: readonly string[]): Promise<Built> {
    const flags = ["--progress", "json", "--platform", "linux/amd64", ...args];
    const env = { CAMBIUM_PROJECT: name };
    return builtBy(await machine.run(["build", world.context(text(name)), ...flags], { env }));
  }
  const runs = ({ steps }: Built) => steps.map((line) => line.split(":")[0]);

  test("of a registry keeps what named images need", async () => {
    const repository = `${world.world.registry.address}/pruned`;
    const maker = world.newMachine();
    const usage = async () =>
      JSON.parse((await maker.run(["cache", "du", "--remote", repository, "--json"])).stdout);
    const kept = await build(maker, "kept", "--cache-to", `${repository}:kept`);
    const lost = await build(maker, "lost", "--cache-to", `${repository}:moves`);
    await build(maker, "other", "--cache-to", `${repository}:moves`);
    const prune = (...args: readonly string[]) =>
      maker.run(["cache", "prune", "--remote", repository, "--json", ...args]);
    const found = (name: string) => build(world.newMachine(), name, "--cache-from", `${repository}:kept`);
    expect(runs(await found("lost"))).toEqual([]);
    const dry = JSON.parse((await prune("--keep-last", "0", "--dry-run")).stdout);
    expect(dry).toMatchObject({
      isDryRun: true,
      removed: { "found-by-key": 1, record: 1, step: 1, used: 1 },
    });
    expect(runs(await found("lost"))).toEqual([]);
    const full = await usage();
    const counts = full.kinds.map(({ name, count }: { name: string; count: number }) => [name, count]);
    expect(full.where).toBe(repository);
    expect(Object.fromEntries(counts)).toMatchObject({ image: 2, "found-by-key": 3, used: 3, record: 3 });
    const { isDryRun: _, ...told } = JSON.parse((await prune("--keep-last", "0")).stdout);
    expect(dry).toMatchObject(told);
    expect((await usage()).totalBytes).toBeLessThan(full.totalBytes);
    const again = await found("lost");
    expect(runs(again)).toEqual(["hit", "done"]);
    expect(again.digest).not.toBe(lost.digest);
    expect(await found("kept")).toMatchObject({ digest: kept.digest, steps: [], warnings: [] });
    expect(runs(await found("other"))).toEqual([]);
    const nothing = JSON.parse((await prune("--keep-last", "0")).stdout);
    expect(nothing.removed).toEqual({});
    const checked = await maker.run(["validate", `${repository}:moves`, "--json"]);
    expect(JSON.parse(checked.stdout).problems).toEqual([]);
  });

  test("of a folder keeps the builds that wrote last", async () => {
    const folder = world.world.at("folder");
    const maker = world.newMachine();
    for (const name of ["one", "two"]) await build(maker, name, "--cache-to", folder);
    const before = readdirSync(join(folder, "blobs/sha256")).length;
    const usage = await maker.run(["cache", "du", "--remote", folder]);
    const files = readdirSync(join(folder, "blobs/sha256"));
    const bytes = files.reduce((sum, name) => sum + statSync(join(folder, "blobs/sha256", name)).size, 0);
    expect(usage.stdout).toMatch(/^ {2}record +2 /m);
    expect(
      JSON.parse((await maker.run(["cache", "du", "--remote", folder, "--json"])).stdout).totalBytes,
    ).toBe(bytes);
    const ran = await maker.run(["cache", "prune", "--remote", folder, "--keep-last", "1"]);
    expect(ran.stdout).toMatch(/removed \d+ tags; \d+ kept/);
    expect(readdirSync(join(folder, "blobs/sha256")).length).toBeLessThan(before);
    expect(runs(await build(world.newMachine(), "two", "--cache-from", folder))).toEqual([]);
    expect(runs(await build(world.newMachine(), "one", "--cache-from", folder))).toContain("done");
  });
});
