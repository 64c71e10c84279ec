import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { StepWorld } from "../dockerfile/step-world.ts";
import { type Built, builtBy, type Machine } from "../support/registry-bases.ts";

type Random = () => number;

/** What may become of a file, all of it by chance. */
const DAMAGES: readonly [
  name: string,
  damage: (bytes: Buffer, other: Buffer, random: Random) => Buffer | undefined,
][] = [
  ["gone", () => undefined],
  ["cut", (bytes, _, random) => bytes.subarray(0, Math.floor(random() * bytes.length))],
  ["longer", (bytes, other) => Buffer.concat([bytes, other])],
  ["another's", (_, other) => other],
  ["empty", () => Buffer.alloc(0)],
  ["zeros", (bytes) => Buffer.alloc(bytes.length)],
  [
    "one bit",
    (bytes, _, random) => {
      const changed = Buffer.from(bytes);
      const at = Math.floor(random() * changed.length);
      if (changed.length > 0) changed[at]! ^= 1 << Math.floor(random() * 8);
      return changed;
    },
  ],
  [
    "digits of digests",
    (bytes, _, random) =>
      Buffer.from(
        bytes
          .toString("latin1")
          .replaceAll(/[0-9a-f]{64}/g, (hex) => (random() < 0.3 ? hex.split("").reverse().join("") : hex)),
        "latin1",
      ),
  ],
];

/**
 * Damages a folder of caches at random, so many times, and demands the right image of each build that reads it.
 * @param random numbers from 0 up to 1, the same for the same seed
 */
export async function expectRightImages(world: StepWorld, rounds: number, random: Random): Promise<void> {
  const env = { CAMBIUM_PROJECT: "p", SOURCE_DATE_EPOCH: "1700000000" };
  const text = (last: string) => `FROM base AS made
RUN --mount=type=cache,target=/m echo one > /made; echo word >> /m/words
FROM base
COPY --from=made /made /made
RUN echo two > /two
${last}`;
  const contexts = ["", "RUN cat /made /two > /both\n"].map((last) => world.context(text(last)));
  const build = async (machine: Machine, context: string, ...args: readonly string[]): Promise<Built> => {
    const flags = ["--progress", "json", "--platform", "linux/amd64", ...args];
    return builtBy(await machine.run(["build", context, ...flags], { env }));
  };
  const good = world.world.at("good");
  const expected: string[] = [];
  for (const context of contexts) expected.push((await build(world.newMachine(), context)).digest);
  await build(world.newMachine(), contexts[0]!, "--cache-to", good);
  // One that has read the base: what is here is not in question.
  const warm = world.newMachine();
  for (let round = 0; round < rounds; round++) {
    const folder = world.world.at(`damaged-${round}`);
    cpSync(good, folder, { recursive: true });
    const done: string[] = [];
    for (let count = 1 + Math.floor(random() * 3); count > 0; count--) done.push(damaged(folder, random));
    const which = round % 2;
    const machine = world.newMachine();
    const built = await build(machine, contexts[which]!, "--cache-from", folder, "--cache-to", folder);
    expect({ round, done, digest: built.digest }).toEqual({ round, done, digest: expected[which] });
    // What it left there is right again.
    const after = await build(world.newMachine(), contexts[which]!, "--cache-from", folder);
    expect({ round, done, digest: after.digest }).toEqual({ round, done, digest: expected[which] });
    for (const path of [folder, machine.store]) rmSync(path, { recursive: true, force: true });
  }
  expect((await build(warm, contexts[1]!)).digest).toBe(expected[1]);
}

/** @returns what was done to which file. */
function damaged(folder: string, random: Random): string {
  const blobs = readdirSync(join(folder, "blobs/sha256")).map((name) => `blobs/sha256/${name}`);
  const names = ["index.json", "oci-layout", ...blobs];
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const name = pick(names);
  const [kind, damage] = pick(DAMAGES);
  const path = join(folder, name);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return `${name}: gone already`;
  }
  const other = readFileSync(
    join(folder, pick(readdirSync(join(folder, "blobs/sha256")).map((blob) => `blobs/sha256/${blob}`))),
  );
  const after = damage(bytes, other, random);
  if (after === undefined) rmSync(path);
  else writeFileSync(path, after);
  return `${name}: ${kind}`;
}
