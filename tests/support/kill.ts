import type { ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ran } from "./command.ts";
import { tinyWheel } from "./distributions.ts";
import type { FaultyServer } from "./faulty-server.ts";
import { digestIn, lockedWheel, pylockFiles, workplace } from "./project.ts";
import { illnessesOf } from "./store-health.ts";

export type KillOptions = {
  readonly kills: number;
  /** Rounds between two that are let through and compared with a store that saw no kill. */
  readonly compareEvery: number;
  /** Wheels that are new in each round. */
  readonly wheels: number;
  /** From 0 to 1. */
  readonly random: () => number;
};

export type KillReport = {
  /** Processes that ended by our signal, not before it. */
  readonly killed: number;
  readonly faults: readonly string[];
};

/**
 * Builds that are killed at random moments in one store, each with work that the store has not seen; now and then the
 * same build to its end, whose digest must be that of a store where nothing was ever killed.
 */
export async function killBuilds(server: FaultyServer, options: KillOptions): Promise<KillReport> {
  using place = await workplace();
  const { random } = options;
  const faults: string[] = [];
  let killed = 0;
  /** Kills fall evenly into the time that such a build takes here. */
  let usualMs = (await cleanBuild(await filesOf(-1, server, options.wheels))).seconds * 1000;
  for (let round = 0; killed < options.kills && round < 3 * options.kills; round++) {
    const files = await filesOf(round, server, options.wheels);
    const project = place.project("app", files);
    const afterMs = random() * usualMs;
    const ran = await place.build(project, [], { onStart: killAfter(afterMs) });
    if (ran.exitCode === 137) killed++;
    else if (ran.exitCode !== 0) faults.push(`round ${round}: exit code ${ran.exitCode}: ${ran.stderr}`);
    if (round % options.compareEvery !== options.compareEvery - 1) continue;
    const clean = await cleanBuild(files);
    usualMs = clean.seconds * 1000;
    const whole = await place.build(project);
    const got = whole.exitCode === 0 ? digestIn(whole) : `exit code ${whole.exitCode}: ${whole.stderr}`;
    if (got !== digestIn(clean)) faults.push(`round ${round}: want ${digestIn(clean)}, got ${got}`);
    if (/warning/i.test(whole.stderr)) faults.push(`round ${round}: ${whole.stderr}`);
    faults.push(...illnessesOf(place.store, { wasKilled: true }).map((text) => `round ${round}: ${text}`));
  }
  return { killed, faults };
}

async function filesOf(round: number, server: FaultyServer, count: number): Promise<Record<string, string>> {
  const wheels = Array.from({ length: count }, (_, n) => {
    const { filename, bytes } = tinyWheel({ name: `round${round + 1}-part${n}`, version: "1.0" });
    return lockedWheel(`round${round + 1}-part${n}`, server.serve(`/${filename}`, bytes), bytes);
  });
  return { ...(await pylockFiles(wheels)), "app.py": `print(${round})\n` };
}

async function cleanBuild(files: Record<string, string>): Promise<Ran> {
  using place = await workplace();
  return await place.build(place.project("app", files));
}

/** The command is a script that becomes Node (`exec`), so its process is the one to kill; threads go with it. */
function killAfter(afterMs: number): (child: ChildProcess) => void {
  return (child) => {
    void sleep(afterMs).then(() => child.kill("SIGKILL"));
  };
}
