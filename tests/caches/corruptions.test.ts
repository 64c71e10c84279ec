import { describe, test } from "vitest";
import { startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import { randomFrom } from "../support/record-stress.ts";
import { expectRightImages } from "./corruptions.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("a folder that is damaged at random", () => {
  test("gives the right image, eight times", async () => {
    await using world = await startStepWorld();
    await expectRightImages(world, 8, randomFrom(6));
  });
});
