import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DiskUsage, PruneResult } from "../../src/actions/results.ts";
import { openStore } from "../../src/store/store.ts";
import { type StepWorld, startStepWorld } from "../dockerfile/step-world.ts";
import { ageStore } from "../support/aged-store.ts";
import type { RunOptions } from "../support/command.ts";
import { needs } from "../support/needs.ts";
import { digestIn } from "../support/project.ts";
import type { Machine } from "../support/registry-bases.ts";

/** What a copied file of 1 MB takes: once as it is packed, and listed. */
const MB = 1e6;

describe.runIf(needs("docker-registry", "runc", "root"))("the store", () => {
  let steps: StepWorld;
  beforeAll(async () => {
    steps = await startStepWorld();
  });
  afterAll(async () => steps?.[Symbol.asyncDispose]());

  /** A project whose one file is other bytes each time. */
  function project() {
    const folder = steps.context("FROM base\nCOPY big /big\n");
    return { folder, change: () => writeFileSync(join(folder, "big"), randomBytes(MB)) };
  }

  async function build(
    machine: Machine,
    folder: string,
    args: readonly string[] = [],
    env?: RunOptions["env"],
  ) {
    const flags = ["--progress", "plain", "--platform", "linux/amd64"];
    const ran = await machine.run(["build", folder, ...flags, ...args], {
      ...(env !== undefined && { env }),
    });
    return { digest: digestIn(ran), stderr: ran.stderr };
  }

  async function usageOf(machine: Machine): Promise<DiskUsage> {
    const ran = await machine.run(["cache", "du", "--json"]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    return JSON.parse(ran.stdout) as DiskUsage;
  }

  async function prune(machine: Machine, ...args: string[]): Promise<PruneResult> {
    const ran = await machine.run(["cache", "prune", "--json", ...args]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    return JSON.parse(ran.stdout) as PruneResult;
  }

  /** Whether every byte of an image of the store is still to be had. */
  async function isWhole(machine: Machine, image: string): Promise<boolean> {
    return (await machine.run(["validate", image])).exitCode === 0;
  }

  test("says what each kind takes, and what of it is tagged, in use or free", async () => {
    const machine = steps.newMachine();
    const { folder, change } = project();
    change();
    await build(machine, folder, ["-t", "kept:1"]);
    change();
    await build(machine, folder, ["-t", "other:1"]);
    change();
    await build(machine, folder);
    await build(machine, steps.context("FROM base\nRUN echo one > /one\n"));
    const usage = await usageOf(machine);
    const kind = (name: string) => usage.kinds.find((one) => one.name === name)!;
    const files = kind("project files");
    expect(Math.round(files.taggedBytes / MB)).toBe(2);
    expect(Math.round(files.freeBytes / MB)).toBe(1);
    expect(kind("layers of steps")).toMatchObject({ count: 1, taggedBytes: 0, inUseBytes: 0 });
    expect(kind("layers of other images").count).toBe(1);
    expect(kind("unpacked layers").count).toBe(2);
    expect(kind("records").count).toBeGreaterThan(10);
    for (const { sizeBytes, taggedBytes, inUseBytes, freeBytes } of usage.kinds) {
      expect(taggedBytes + inUseBytes + freeBytes).toBe(sizeBytes);
    }
    const store = openStore(machine.store);
    const running = await store.running();
    const beside = (await usageOf(machine)).kinds.find(({ name }) => name === "project files");
    running.release();
    store.close();
    expect([beside?.taggedBytes, beside?.inUseBytes]).toEqual([files.taggedBytes, files.freeBytes]);
    const text = (await machine.run(["cache", "du"])).stdout;
    expect(text).toMatch(/count +size +tagged +in use +free/);
    expect(text).toMatch(/project files +\d+ +3\.\d MB +2\.\d MB +- +1\.\d MB/);
  });

  test("a prune by use leaves what was used, and with it all that an image needs", async () => {
    const machine = steps.newMachine();
    const { folder, change } = project();
    change();
    const first = await build(machine, folder);
    change();
    const second = await build(machine, folder);
    expect((await prune(machine)).freedBytes).toBe(0);
    ageStore(machine.store, 48);
    // As a build of every day that changes nothing: it reads no file of the project.
    expect((await build(machine, folder)).digest).toBe(second.digest);
    const plan = await prune(machine, "--dry-run");
    expect(plan).toMatchObject({ isDryRun: true });
    expect(await isWhole(machine, first.digest)).toBe(true);
    ageStore(machine.store, 48);
    await build(machine, folder);
    const done = await prune(machine);
    expect(done.freedBytes).toBeGreaterThan(MB);
    expect(await isWhole(machine, first.digest)).toBe(false);
    expect(await isWhole(machine, second.digest)).toBe(true);
    expect((await prune(machine)).removed).toEqual([]);
  });

  test("keeps what the last builds of each project came to, also without a tag", async () => {
    const machine = steps.newMachine();
    const [one, two] = [project(), project()];
    const digests: string[] = [];
    for (let round = 0; round < 3; round++) {
      one.change();
      digests.push((await build(machine, one.folder)).digest);
    }
    two.change();
    const other = await build(machine, two.folder);
    const rows = await prune(machine, "--unused-for", "0m", "--keep-last", "2");
    expect(Math.round(rows.removed.find(({ name }) => name === "project files")!.sizeBytes / MB)).toBe(1);
    expect(await Promise.all(digests.map((digest) => isWhole(machine, digest)))).toEqual([false, true, true]);
    expect(await isWhole(machine, other.digest)).toBe(true);
    expect(await build(machine, one.folder)).toMatchObject({ digest: digests[2] });
    // All of it can go, and comes again.
    const all = await prune(machine, "--unused-for", "0m", "--max-size", "0");
    expect(all.keptBytes).toBeLessThan(10_000);
    expect((await usageOf(machine)).kinds.find(({ name }) => name === "unpacked layers")?.count).toBe(0);
    expect((await build(machine, one.folder)).digest).toBe(digests[2]);
  });

  test("tagged images stay but when asked for, and then names go with them", async () => {
    const machine = steps.newMachine();
    const { folder, change } = project();
    change();
    await build(machine, folder, ["-t", "app:1"]);
    await prune(machine, "--unused-for", "0m");
    expect(await isWhole(machine, "app:1")).toBe(true);
    await prune(machine, "--unused-for", "0m", "--tagged");
    const ran = await machine.run(["inspect", "app:1"]);
    expect(ran.exitCode).not.toBe(0);
  });

  test("stays below its cap over many builds, the least recently needed going first", async () => {
    const machine = steps.newMachine();
    const env = { CAMBIUM_STORE_MAX: "6MB" };
    const { folder, change } = project();
    const digests: string[] = [];
    let notices = 0;
    for (let round = 0; round < 10; round++) {
      change();
      const { digest, stderr } = await build(machine, folder, [], env);
      digests.push(digest);
      notices += stderr.split("CAMBIUM_STORE_MAX").length - 1;
      const { kinds } = await usageOf(machine);
      const counted = kinds.filter(({ name }) => !["tools", "other", "cache mounts"].includes(name));
      expect(counted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)).toBeLessThanOrEqual(6 * MB);
      expect(await isWhole(machine, digest)).toBe(true);
    }
    expect(notices).toBeGreaterThan(0);
    expect(await isWhole(machine, digests[0]!)).toBe(false);
    // One that adds nothing does not look.
    const still = await build(machine, folder, [], { CAMBIUM_STORE_MAX: "1MB" });
    expect(still).toMatchObject({ digest: digests.at(-1), stderr: expect.not.stringContaining("STORE_MAX") });
    expect(await isWhole(machine, digests.at(-1)!)).toBe(true);
  });

  test("that tagged images fill says so, and keeps them", async () => {
    const machine = steps.newMachine();
    const { folder, change } = project();
    const env = { CAMBIUM_STORE_MAX: "2MB" };
    for (const tag of ["app:1", "app:2", "app:3"]) {
      change();
      const { stderr } = await build(machine, folder, ["-t", tag], env);
      if (tag === "app:3") expect(stderr).toContain("STORE_OVER_CAP");
    }
    for (const tag of ["app:1", "app:2", "app:3"]) expect(await isWhole(machine, tag)).toBe(true);
  });
});
