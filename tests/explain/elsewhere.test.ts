import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRemote } from "../../src/cache/open-remote.ts";
import { readStagesRecord } from "../../src/cache/read-record.ts";
import { parseReference } from "../../src/image/reference.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { type StepWorld, startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import type { Machine } from "../support/registry-bases.ts";
import { explainedBy, stepOf } from "./explained.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("a machine that never built the project", () => {
  let steps: StepWorld;
  beforeAll(async () => {
    steps = await startStepWorld();
  });
  afterAll(async () => steps?.[Symbol.asyncDispose]());

  const dockerfile = `FROM base AS builder
ARG MODE
COPY src /src
RUN cat /src/a > /out
FROM base
RUN echo tools > /tools
COPY --from=builder /out /out
RUN cat /out
`;
  const build = (machine: Machine, folder: string, tag: string, mode: string) =>
    machine.run(
      ["build", folder, "--progress", "plain", "--build-arg", `MODE=${mode}`, "-t", tag, "--push"],
      // Equal images are pushed, or their salts would differ.
      { env: { CAMBIUM_PROJECT: "shared", SOURCE_DATE_EPOCH: "1700000000" } },
    );

  test("says what changed since the build beside the pushed image, and where its hits are from", async () => {
    const tag = `${steps.world.registry.address}/app:1`;
    const [one, other] = [steps.newMachine(), steps.newMachine()];
    const folder = steps.context(dockerfile, { "src/a": "one\n" });
    expect(await build(one, folder, tag, "of-the-argument")).toMatchObject({ exitCode: 0 });
    writeFileSync(join(folder, "src/a"), "two\n");
    const said = await build(other, folder, tag, "of-the-argument");
    expect(said.stderr).toMatch(
      /most expensive miss: RUN cat \/\S+( > \/out)? \([\d.]+ s\): src\/a changed \(COPY src \/src, line 3\)/,
    );
    const { stdout } = await other.run(["explain"], { cwd: folder });
    const place = tag.replace(":1", "").replace(/^.*\//, "");
    expect(stdout).toMatch(new RegExp(`\ncompared with \\S+ of \\S+/${place}, \\d+s ago\n`));
    expect(stdout).toMatch(/hit +RUN echo tools > \/tools {2}from \S+\/app, \S+ old, saved [\d.]+ s\n/);
    expect(stdout).toMatch(/miss +[\d.]+ s COPY src \/src\n +src\/a changed\n/);
    expect(stdout).toMatch(/miss +[\d.]+ s COPY \/out \/out\n +src\/a changed \(COPY src \/src, line 3\)\n/);

    const third = steps.newMachine();
    await build(third, folder, tag, "another");
    const told = explainedBy(await third.run(["explain", "--json"], { cwd: folder }));
    expect(stepOf(told, "RUN cat /src").cause).toMatchObject({
      text: "variable MODE changed: now another",
      comparedWith: { where: expect.stringMatching(/\/app$/) },
    });
  });

  test("is told no value, no name of a file, and the same by whoever built it", async () => {
    const access = createRegistryAccess({ env: {}, emit: () => undefined });
    try {
      const told = async (machine: Machine, name: string, folder: string) => {
        const tag = `${steps.world.registry.address}/${name}:1`;
        expect(await build(machine, folder, tag, "of-the-argument")).toMatchObject({ exitCode: 0 });
        const remote = openRemote({ kind: "registry", reference: parseReference(tag, "test") }, access);
        const found = await readStagesRecord(remote, "1", () => undefined);
        return JSON.stringify(found?.record.told);
      };
      const [one, other] = [steps.newMachine(), steps.newMachine()];
      const folder = steps.context(dockerfile, { "src/a": "the same\n" });
      const first = await told(one, "first", folder);
      for (const own of ["src/a", "builder", "of-the-argument", "the same", "tools"]) {
        expect(first).not.toContain(own);
      }
      expect(first).toContain("MODE");
      expect(await told(other, "second", folder)).toBe(first);
    } finally {
      await access.close();
    }
  });
});
