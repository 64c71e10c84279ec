import { describe, expect, test } from "vitest";
import { killStepBuilds } from "../dockerfile/kill-steps.ts";
import { startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import { randomFrom } from "../support/record-stress.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("builders of Dockerfiles", () => {
  test("killed at 1,000 random moments leave nothing alive or mounted, and the next build is right", async () => {
    await using steps = await startStepWorld();
    const report = await killStepBuilds(steps, {
      kills: 1000,
      random: randomFrom(Date.now()),
    });
    expect(report.faults).toEqual([]);
    expect(report.killed).toBe(1000);
  });
});
