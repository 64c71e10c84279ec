import { describe, test } from "vitest";
import { startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import { manyMachines } from "./machines.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("machines that know nothing of each other", () => {
  test("five at once lose nothing, and then all find everything", async () => {
    await using world = await startStepWorld();
    await manyMachines(world, 5);
  });
});
