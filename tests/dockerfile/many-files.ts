import { rmSync } from "node:fs";
import { expect } from "vitest";
import { runsIn } from "../support/left-behind.ts";
import { digestIn } from "../support/project.ts";
import type { StepWorld } from "./step-world.ts";

/** What `inspect --json` says of layers. */
type Inspected = {
  readonly images: readonly { readonly layers: readonly { readonly entries: number }[] }[];
};

/** A step writes `thousands` directories of a thousand files each, and a step above it finds them all. */
export async function expectManyFiles(steps: StepWorld, thousands: number): Promise<void> {
  const machine = steps.newMachine();
  const text = `FROM base
RUN mkdir /many; d=0; while [ $d -lt ${thousands} ]; do mkdir /many/$d; i=0; while [ $i -lt 1000 ]; do : > /many/$d/$i; i=$((i+1)); done; d=$((d+1)); done
RUN n=0; for d in /many/*; do set -- $d/*; n=$((n+$#)); done; [ $n = ${thousands * 1000} ]
`;
  const tar = steps.world.at("many.tar");
  const ran = await steps.build(machine, text, { args: ["-o", `type=oci,dest=${tar}`] });
  digestIn(ran);
  expect(runsIn(machine.store)).toEqual([]);
  const { images } = JSON.parse((await machine.run(["inspect", tar, "--json"])).stdout) as Inspected;
  // Files, their directories, and the one above.
  expect(images[0]?.layers.at(-1)?.entries).toBe(thousands * 1000 + thousands + 1);
  expect(digestIn(await steps.build(machine, text))).toBe(digestIn(ran));
  rmSync(tar);
}
