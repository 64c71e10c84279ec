import { describe, test } from "vitest";
import { manyMachines } from "../caches/machines.ts";
import { startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("machines that know nothing of each other", () => {
  test("twenty at once lose nothing, and then all find everything", async () => {
    await using world = await startStepWorld();
    await manyMachines(world, 20);
  });
});
