import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runsIn } from "../support/left-behind.ts";
import { needs } from "../support/needs.ts";
import { digestIn } from "../support/project.ts";
import { expectFailure } from "../support/reference.ts";
import { freeBytes, smallDisk } from "../support/small-disk.ts";
import { illnessesOf } from "../support/store-health.ts";
import { expectManyFiles } from "./many-files.ts";
import { type StepWorld, startStepWorld } from "./step-world.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("a step", () => {
  let steps: StepWorld;

  beforeAll(async () => {
    steps = await startStepWorld();
  });
  afterAll(async () => {
    await steps?.[Symbol.asyncDispose]();
  });

  test("that writes 20,000 files has them all in its layer", async () => {
    await expectManyFiles(steps, 20);
  });

  test.for([
    {
      name: "fills the disk fails with its own words",
      script: "dd if=/dev/zero of=/big bs=1M",
      failure: {
        exitCode: 1,
        code: "STEP_FAILED",
        quotes: ["line 3", "No space left on device"],
        hint: /^hint: .*earlier steps are kept/m,
      },
    },
    {
      name: "leaves no room for its layer: named",
      // Of 96 MB; random bytes are as many in the layer.
      script: "dd if=/dev/urandom of=/big bs=1M count=50",
      failure: { exitCode: 3, code: "DISK_FULL", quotes: ["disk"], hint: /^hint: Free space/m },
    },
  ])("that $name; then all is free again, and the next build is right", async ({ script, failure }) => {
    const name = `disk-${failure.code}`;
    using _disk = smallDisk(steps.world.at(name), 96);
    const machine = steps.world.machine(`${name}/store`);
    const env = { SOURCE_DATE_EPOCH: "1" };
    const text = (line: string) => `FROM base\nRUN echo kept > /kept\nRUN ${line}\n`;
    digestIn(await steps.build(machine, "FROM base\nRUN echo kept > /kept\n", { env }));
    const before = freeBytes(steps.world.at(name));
    expectFailure(await steps.build(machine, text(script), { env }), failure);
    expect(freeBytes(steps.world.at(name))).toBeGreaterThan(before - (1 << 20));
    expect(runsIn(machine.store)).toEqual([]);
    expect(illnessesOf(machine.store)).toEqual([]);
    const after = await steps.build(machine, text("echo small > /small"), { env });
    expect(after.stderr).toMatch(/known .*echo kept/);
    const elsewhere = await steps.build(steps.newMachine(), text("echo small > /small"), { env });
    expect(digestIn(after)).toBe(digestIn(elsewhere));
  });
});
