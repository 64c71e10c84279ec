import { expect } from "vitest";
import type { StepWorld } from "../dockerfile/step-world.ts";
import { type Built, builtBy, type Machine } from "../support/registry-bases.ts";

const UUID = "cat /proc/sys/kernel/random/uuid";

/**
 * So many machines with stores of their own build overlapping graphs at once against one place; then as many that know
 * nothing must find all of it there.
 */
export async function manyMachines(world: StepWorld, count: number): Promise<void> {
  const place = `${world.world.registry.address}/machines:c`;
  const text = (i: number) => `FROM base AS common
RUN ${UUID} > /common
FROM common AS group
RUN ${UUID} > /group-${i % 3}
FROM group
RUN ${UUID} > /own-${i}
`;
  const contexts = Array.from({ length: count }, (_, i) => world.context(text(i)));
  const build = async (machine: Machine, i: number, ...args: readonly string[]): Promise<Built> => {
    const flags = ["--progress", "json", "--platform", "linux/amd64", "--cache-from", place, ...args];
    return builtBy(await machine.run(["build", contexts[i]!, ...flags], { env: { CAMBIUM_PROJECT: "p" } }));
  };
  const tag = (i: number) => `${world.world.registry.address}/machines:m-${i}`;
  const first = await Promise.all(
    contexts.map((_, i) => build(world.newMachine(), i, "--cache-to", place, "-t", tag(i), "--push")),
  );
  expect(first.flatMap(({ warnings }) => warnings)).toEqual([]);
  const again: Built[] = [];
  for (const i of contexts.keys()) again.push(await build(world.newMachine(), i));
  // Who came first decides what a common step left; what each built is a whole image of one of those.
  expect(again.map(({ steps }) => steps.filter((line) => line.startsWith("done")))).toEqual(
    contexts.map(() => []),
  );
  expect(again.map(({ digest }) => digest)).toEqual(first.map(({ digest }) => digest));
  const reader = world.newMachine();
  for (const i of contexts.keys()) {
    const checked = await reader.run(["validate", tag(i), "--json"]);
    expect(JSON.parse(checked.stdout)).toMatchObject({ digest: first[i]!.digest, problems: [] });
  }
}
