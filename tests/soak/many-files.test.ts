import { describe, test } from "vitest";
import { expectManyFiles } from "../dockerfile/many-files.ts";
import { startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("a step", () => {
  test("that writes 1,000,000 files has them all in its layer", async () => {
    await using steps = await startStepWorld();
    await expectManyFiles(steps, 1000);
  });
});
