import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StepWorld, startStepWorld } from "../dockerfile/step-world.ts";
import { type Fault, type ProxyAccess, startHostileProxy } from "../registry/proxy.ts";
import { needs } from "../support/needs.ts";
import { type Built, builtBy, type Machine } from "../support/registry-bases.ts";
import "../support/in-memory.ts";

const FLAGS = ["--progress", "json", "--platform", "linux/amd64"];
/** Another each time it runs. */
const UUID = "cat /proc/sys/kernel/random/uuid";

describe.runIf(needs("docker-registry", "runc", "root"))("a registry that caches travel in", () => {
  let world: StepWorld;
  let count = 0;
  beforeAll(async () => {
    world = await startStepWorld();
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const newPlace = () => `${world.world.registry.address}/cache-${count++}:c`;
  const build = async (machine: Machine, text: string, ...args: readonly string[]): Promise<Built> => {
    const env = { CAMBIUM_PROJECT: "p" };
    const context = world.context(`FROM base\n${text}`, { a: "a\n" });
    return builtBy(await machine.run(["build", context, ...FLAGS, ...args], { env }));
  };
  const runs = ({ steps }: Built) =>
    steps.filter((line) => line.includes(": RUN")).map((line) => line.split(":")[0]);
  const branch = (name: string) => `RUN ${UUID} > /common\nRUN echo ${name}; ${UUID} > /own\n`;

  test("has the steps of two branches that push to one place, each by its key", async () => {
    const place = newPlace();
    const both = ["--cache-from", place, "--cache-to", place];
    const one = await build(world.newMachine(), branch("one"), ...both);
    const two = await build(world.newMachine(), branch("two"), ...both);
    expect(runs(two)).toEqual(["hit", "done"]);
    // The place is the second branch's now.
    const again = await build(world.newMachine(), branch("one"), ...both);
    expect(again).toMatchObject({ digest: one.digest, steps: [], warnings: [] });
    const changed = await build(
      world.newMachine(),
      `${branch("one")}RUN echo more > /more\n`,
      "--cache-from",
      place,
    );
    expect(runs(changed)).toEqual(["hit", "hit", "done"]);
    expect(changed.warnings).toEqual([]);
  });

  test("has what was finished of a build that failed", async () => {
    const place = newPlace();
    const failing = world.context(`FROM base\nRUN ${UUID} > /one\nRUN exit 3\n`);
    const failed = await world
      .newMachine()
      .run(["build", failing, ...FLAGS, "--cache-to", place], { env: { CAMBIUM_PROJECT: "p" } });
    expect(failed.exitCode).toBe(1);
    const mended = await build(world.newMachine(), `RUN ${UUID} > /one\nRUN exit 0\n`, "--cache-from", place);
    expect(runs(mended)).toEqual(["hit", "done"]);
    expect(mended.warnings).toEqual([]);
  });

  test("says nothing twice: an unchanged export asks once", async () => {
    const place = newPlace();
    const machine = world.newMachine();
    const text = branch("again");
    await build(machine, text, "--cache-to", place);
    await world.world.forget();
    await build(machine, text, "--cache-to", place);
    const asked = (await world.world.registry.accesses()).filter(({ path }) => path.includes("/cache-"));
    expect(asked.map(({ method }) => method)).toEqual(["HEAD"]);
  });

  test("is left alone for a stage that it is not for", async () => {
    const place = newPlace();
    const text = (last: string) =>
      `RUN ${UUID} > /one\nFROM base AS two\nRUN ${UUID} > /two\nFROM two AS end\nCOPY --from=0 /one /one\nRUN echo ${last}\n`;
    await build(world.newMachine(), text("a"), "--cache-to", `${place},stage=two`);
    const built = await build(world.newMachine(), text("b"), "--cache-from", place);
    expect(built.steps.filter((line) => line.includes(": RUN")).sort()).toEqual([
      expect.stringMatching(/^done: 0 2: /),
      expect.stringMatching(/^done: end /),
      expect.stringMatching(/^hit: two /),
    ]);
  });

  test.for([
    ["is down", () => ({ kind: "answer", status: 500 }), ["CACHE_UNREADABLE"]],
    [
      "may only be read",
      ({ method }) => (/^(GET|HEAD)$/.test(method) ? undefined : { kind: "answer", status: 403 }),
      ["CACHE_UNWRITABLE"],
    ],
    [
      "is full",
      ({ method }) => (method === "PUT" ? { kind: "answer", status: 507 } : undefined),
      ["CACHE_UNWRITABLE"],
    ],
    ["wants a login that nobody has", () => ({ kind: "answer", status: 401 }), ["CACHE_UNREADABLE"]],
  ] satisfies [string, (access: ProxyAccess) => Fault | undefined, string[]][])(
    "that %s is told of, and the build goes on with the others",
    async ([, fault, warnings]) => {
      const place = newPlace();
      await build(world.newMachine(), branch("down"), "--cache-to", place);
      await using proxy = await startHostileProxy(world.world.registry.address);
      proxy.fault = fault;
      const at = `${proxy.address}/other:c`;
      const args = ["--cache-from", at, "--cache-from", place, "--cache-to", at];
      const built = await build(world.newMachine(), `${branch("down")}RUN echo more\n`, ...args);
      expect(runs(built)).toEqual(["hit", "hit", "done"]);
      expect(built.warnings).toEqual(warnings);
    },
  );
});
