import { describe, expect, test } from "vitest";
import { needs } from "../support/needs.ts";
import { randomFrom } from "../support/record-stress.ts";
import { killStepBuilds } from "./kill-steps.ts";
import { startStepWorld } from "./step-world.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("builders of Dockerfiles", () => {
  test("killed at 100 random moments leave nothing alive or mounted, and the next build is right", {
    timeout: 600_000,
  }, async () => {
    await using steps = await startStepWorld();
    const report = await killStepBuilds(steps, { kills: 100, random: randomFrom(20260505) });
    expect(report.faults).toEqual([]);
    expect(report.killed).toBe(100);
  });
});
