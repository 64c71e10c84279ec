import { setTimeout as sleep } from "node:timers/promises";
import { mountsBelow } from "../support/engine-place.ts";
import { cgroupsOf, processesMountedIn, processesWith, runsIn } from "../support/left-behind.ts";
import { digestIn } from "../support/project.ts";
import type { Machine } from "../support/registry-bases.ts";
import { illnessesOf } from "../support/store-health.ts";
import type { StepWorld } from "./step-world.ts";

export type StepKills = {
  readonly kills: number;
  /** From 0 to 1. */
  readonly random: () => number;
};

export type StepKillReport = {
  /** Builders that ended by our signal, not before it. */
  readonly killed: number;
  readonly faults: readonly string[];
};

/** A store sees so many kills; then a new one is taken, which has to take the base from the registry again. */
const KILLS_OF_A_STORE = 20;
/** How long a daemon that a step leaves would sleep; no other test's has this. */
const DAEMON_SECONDS = "4320";

/**
 * Stages beside one another, a cache mount, a daemon, files removed and moved. Steps are short, since each build is made
 * twice; every fifth has many files, so that kills fall into their capture and packing too.
 */
function dockerfile(number: number): string {
  const files = number % 5 === 0 ? 100 : 25;
  return `FROM base AS one
RUN --mount=type=cache,target=/c,sharing=locked echo ${number} >> /c/log; mkdir /many; i=0; while [ $i -lt ${files} ]; do echo ${number} $i > /many/$i; i=$((i+1)); done
FROM base
RUN (sleep ${DAEMON_SECONDS} &); rm /data/one && mv /data/deep /moved && echo ${number} > /two
COPY --from=one /many /many
`;
}

/**
 * Builders of Dockerfiles that are killed at random moments, each at work that its store has not seen. After each kill
 * everything of the build must be dead and unmounted; then the same build, let through, must give the image of a store
 * that saw no kill, and leave nothing.
 */
export async function killStepBuilds(
  steps: StepWorld,
  { kills, random }: StepKills,
): Promise<StepKillReport> {
  const faults: string[] = [];
  const clean = steps.newMachine();
  // It takes the base from the registry.
  await build(steps, clean, -1);
  const wanted: string[] = [];
  /** How long such a build takes here that has the base and nothing else: kills fall evenly into that. */
  let usualMs = 0;
  let machine = clean;
  let killed = 0;
  for (let round = 0; killed < kills && round < 3 * kills; round++) {
    const number = round % KILLS_OF_A_STORE;
    if (number === 0) machine = steps.newMachine();
    const { store } = machine;
    const fault = (text: string) => faults.push(`round ${round}: ${text}`);
    if (wanted[number] === undefined) {
      const ran = await build(steps, clean, number);
      wanted[number] = digestIn(ran);
      usualMs = ran.seconds * 1000;
    }
    const ran = await build(steps, machine, number, random() * usualMs);
    if (ran.exitCode === 137) killed++;
    else if (ran.exitCode !== 0) fault(`exit code ${ran.exitCode}: ${ran.stderr}`);
    if (!(await isBuried(store))) fault("something of it is alive or mounted");
    for (const line of mountsBelow(store)) fault(`mounted: ${line}`);
    const ids = new Set(runsIn(store).map((name) => name.slice(0, 16)));
    const whole = await build(steps, machine, number);
    const got = whole.exitCode === 0 ? digestIn(whole) : `exit code ${whole.exitCode}: ${whole.stderr}`;
    if (got !== wanted[number]) fault(`want ${wanted[number]}, got ${got}`);
    if (/warning/i.test(whole.stderr)) fault(whole.stderr);
    for (const name of [...runsIn(store), ...cgroupsOf(ids)]) fault(`left: ${name}`);
    for (const text of illnessesOf(store, { wasKilled: true })) fault(text);
  }
  return { killed, faults };
}

/** With a time of its own, so that the same files are the same layers whenever they were written. */
function build(steps: StepWorld, machine: Machine, number: number, killAfterMs?: number) {
  return steps.build(machine, dockerfile(number), {
    env: { SOURCE_DATE_EPOCH: "1" },
    ...(killAfterMs !== undefined && {
      onStart: (child) => void sleep(killAfterMs).then(() => child.kill("SIGKILL")),
    }),
  });
}

/** The kernel ends what a killed builder had started a moment later. */
async function isBuried(store: string): Promise<boolean> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (processesMountedIn(store).length + processesWith(DAEMON_SECONDS).length === 0) return true;
    await sleep(50);
  }
  return false;
}
