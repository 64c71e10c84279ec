import { expect, test } from "vitest";
import { startFaultyServer } from "../support/faulty-server.ts";
import { killBuilds } from "../support/kill.ts";
import { randomFrom } from "../support/record-stress.ts";

test.for([1, 2, 3])("1,000 kills, seed %i: the store stays well and gives the same digests", async (seed) => {
  await using server = await startFaultyServer();
  const report = await killBuilds(server, {
    kills: 1000,
    compareEvery: 20,
    wheels: 12,
    random: randomFrom(seed),
  });
  expect(report.faults).toEqual([]);
  expect(report.killed).toBe(1000);
});
