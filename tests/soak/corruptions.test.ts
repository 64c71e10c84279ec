import { describe, test } from "vitest";
import { expectRightImages } from "../caches/corruptions.ts";
import { startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import { randomFrom } from "../support/record-stress.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("a folder that is damaged at random", () => {
  test.for([1, 2, 3, 4, 5])("gives the right image, 200 times, seed %i", async (seed) => {
    await using world = await startStepWorld();
    await expectRightImages(world, 200, randomFrom(seed));
  });
});
