import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startFaultyServer } from "../support/faulty-server.ts";
import { killBuilds } from "../support/kill.ts";
import { lostRecords, randomFrom } from "../support/record-stress.ts";

test("builds killed at 100 random moments leave a store that gives the same digests", {
  timeout: 600_000,
}, async () => {
  await using server = await startFaultyServer();
  const random = randomFrom(20260101);
  const report = await killBuilds(server, { kills: 100, compareEvery: 20, wheels: 3, random });
  expect(report.faults).toEqual([]);
  expect(report.killed).toBe(100);
});

test("what `put` returned from is there for every later process, however the writers ended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cambium-records-"));
  try {
    expect(await lostRecords(join(folder, "store"), { rounds: 8, width: 3, random: randomFrom(42) })).toEqual(
      [],
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
