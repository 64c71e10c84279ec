import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StepWorld, startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import { type Built, builtBy, type Machine } from "../support/registry-bases.ts";

const FLAGS = ["--progress", "json", "--platform", "linux/amd64"];

describe.runIf(needs("docker-registry", "runc", "root"))("a folder that caches travel in", () => {
  let world: StepWorld;
  let count = 0;
  beforeAll(async () => {
    world = await startStepWorld();
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const newFolder = () => world.world.at(`cache-${count++}`);
  const dockerfile = (last: string, first = "one") => `FROM base AS made
RUN echo ${first} > /made; cat /proc/sys/kernel/random/uuid >> /made
FROM base
COPY --from=made /made /made
RUN cat /proc/sys/kernel/random/uuid > /ran
COPY a /copied
${last}
`;
  const text = (last = "", first = "one") => world.context(dockerfile(last, first), { a: "a\n" });

  async function build(machine: Machine, context: string, ...args: readonly string[]): Promise<Built> {
    const env = { CAMBIUM_PROJECT: "p" };
    return builtBy(await machine.run(["build", context, ...FLAGS, ...args], { env }));
  }
  const both = (folder: string) => ["--cache-from", folder, "--cache-to", folder];
  const blobs = (folder: string) => readdirSync(join(folder, "blobs/sha256"));
  const runs = ({ steps }: Built) =>
    steps.filter((line) => line.includes(": RUN")).map((line) => line.split(":")[0]);

  test("gives a fresh machine the whole image, and then only what a change needs", async () => {
    const folder = newFolder();
    const first = await build(world.newMachine(), text(), ...both(folder));
    expect(first.warnings).toEqual([]);
    const again = await build(world.newMachine(), text(), ...both(folder));
    expect(again).toMatchObject({ digest: first.digest, warnings: [], steps: [] });
    const changed = await build(world.newMachine(), text("RUN cat /made /ran > /both"), ...both(folder));
    expect(changed.warnings).toEqual([]);
    expect(runs(changed)).toEqual(["hit", "hit", "done"]);
  });

  test("is an image layout in which everything is what it says, but for the base's layers", async () => {
    const folder = newFolder();
    await build(world.newMachine(), text(), "--cache-to", folder);
    expect(JSON.parse(readFileSync(join(folder, "oci-layout"), "utf8"))).toEqual({
      imageLayoutVersion: "1.0.0",
    });
    const { createHash } = await import("node:crypto");
    for (const name of blobs(folder)) {
      const bytes = readFileSync(join(folder, "blobs/sha256", name));
      expect(createHash("sha256").update(bytes).digest("hex")).toBe(name);
    }
    expect(readdirSync(folder).sort()).toEqual([".lock", "blobs", "index.json", "oci-layout"]);
  });

  test("never grows: what the last build does not need is gone", async () => {
    const folder = newFolder();
    const machine = world.newMachine();
    const sizes: number[] = [];
    for (let round = 0; round < 4; round++) {
      await build(machine, text(`RUN echo ${round} > /round`, `word-${round}`), ...both(folder));
      sizes.push(blobs(folder).length);
    }
    expect(new Set(sizes).size).toBe(1);
    const before = [...blobs(folder)].sort();
    await build(machine, text("RUN echo 3 > /round", "word-3"), ...both(folder));
    expect([...blobs(folder)].sort()).toEqual(before);
  });

  test("has what was finished of a build that failed", async () => {
    const folder = newFolder();
    const context = text("RUN cat /proc/sys/kernel/random/uuid > /before\nRUN exit 7");
    const env = { CAMBIUM_PROJECT: "p" };
    const failed = await world.newMachine().run(["build", context, ...FLAGS, "--cache-to", folder], { env });
    expect(failed).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("exit code 7") });
    const mended = await build(
      world.newMachine(),
      text("RUN cat /proc/sys/kernel/random/uuid > /before\nRUN exit 0"),
      "--cache-from",
      folder,
    );
    expect(mended.warnings).toEqual([]);
    expect(runs(mended)).toEqual(["hit", "hit", "hit", "done"]);
  });

  test("that is not there, or is empty, is no cause for a word", async () => {
    const built = await build(world.newMachine(), text(), "--cache-from", newFolder());
    expect(built.warnings).toEqual([]);
  });

  test("of something else is not touched", async () => {
    const folder = newFolder();
    const context = text();
    const built = await build(world.newMachine(), context, "--cache-to", context);
    expect(built.warnings).toEqual(["CACHE_UNWRITABLE"]);
    expect(existsSync(folder)).toBe(false);
    expect(readdirSync(context).sort()).toEqual(["Dockerfile", "a"]);
  });

  test("is written by two builds at once, and has what both left", async () => {
    const folder = newFolder();
    const [one, two] = [text("", "first"), text("", "second")];
    const machines = [world.newMachine(), world.newMachine()] as const;
    await Promise.all([
      build(machines[0], one, "--cache-to", folder, "-t", "example/one:1"),
      build(machines[1], two, "--cache-to", folder, "--target", "made"),
    ]);
    const again = [
      await build(world.newMachine(), one, "--cache-from", folder, "-t", "example/one:1"),
      await build(world.newMachine(), two, "--cache-from", folder, "--target", "made"),
    ];
    expect(again.flatMap(runs)).toEqual([]);
    expect(again.flatMap(({ warnings }) => warnings)).toEqual([]);
  });

  test("an export of what it has already brings back whatever blob is not there any more", async () => {
    const folder = newFolder();
    const machine = world.newMachine();
    const context = text();
    const built = await build(machine, context, "--cache-to", folder);
    const before = blobs(folder).sort();
    const index = readFileSync(join(folder, "index.json"), "utf8");
    for (const name of before) {
      rmSync(join(folder, "blobs/sha256", name));
      await build(machine, context, "--cache-to", folder);
      expect(blobs(folder).sort()).toEqual(before);
      expect(readFileSync(join(folder, "index.json"), "utf8")).toBe(index);
    }
    const again = await build(world.newMachine(), context, "--cache-from", folder);
    expect(again).toMatchObject({ digest: built.digest, warnings: [], steps: [] });
  });

  test.for([
    ["its index is damaged", (folder: string) => writeFileSync(join(folder, "index.json"), "{")],
    ["its blobs are gone", (folder: string) => rmSync(join(folder, "blobs"), { recursive: true })],
    [
      "each blob is cut",
      (folder: string) => {
        for (const name of blobs(folder)) {
          const path = join(folder, "blobs/sha256", name);
          const bytes = readFileSync(path);
          writeFileSync(path, bytes.subarray(0, bytes.length - 1));
        }
      },
    ],
    [
      "each blob has another content of the same size",
      (folder: string) => {
        for (const name of blobs(folder)) {
          const path = join(folder, "blobs/sha256", name);
          writeFileSync(path, Buffer.alloc(readFileSync(path).length));
        }
      },
    ],
  ] as const)("when %s, a build is right, and its export mends the folder", async ([, damage]) => {
    const folder = newFolder();
    await build(world.newMachine(), text(), "--cache-to", folder);
    damage(folder);
    const machine = world.newMachine();
    const built = await build(machine, text(), ...both(folder));
    expect(built.warnings.length).toBeGreaterThan(0);
    const again = await build(world.newMachine(), text(), "--cache-from", folder);
    expect(again).toMatchObject({ digest: built.digest, warnings: [], steps: [] });
  });
});
