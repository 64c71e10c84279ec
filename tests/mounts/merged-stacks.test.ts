import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CambiumError } from "../../src/errors.ts";
import { mergedMembers } from "../../src/image/merged-members.ts";
import { extractRootfs } from "../../src/image/outputs/rootfs.ts";
import type { Layer } from "../../src/layer/layer.ts";
import { writeTar } from "../../src/layer/write-tar.ts";
import { linesOfFolder } from "../support/found-tree.ts";
import { layerOf } from "../support/layers.ts";
import { randomLayer } from "../support/random-layers.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

test("layers merged into one tar are what unpacking them one by one gives, for any stack", async () => {
  using folder = temporaryFolder();
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(randomLayer, { minLength: 1, maxLength: 3 }), async (stack) => {
      const layers = stack.map((members) => layerOf(...members));
      const tar = await tarBytes(layers).catch(refusal);
      // Ours refuses more: what depends on the order within a layer.
      if (tar === undefined) return;
      const [oneByOne, merged] = [folder.at(`one-${compared}`), folder.at(`merged-${compared}`)];
      if ((await extractRootfs({ layers }, oneByOne, () => undefined).catch(refusal)) === undefined) return;
      mkdirSync(merged);
      execFileSync("tar", ["--extract", "--file=-", `--directory=${merged}`], { input: tar });
      expect(linesOfFolder(merged)).toEqual(linesOfFolder(oneByOne));
      compared += 1;
    }),
    { numRuns: 300 },
  );
  // Many stacks contradict themselves.
  expect(compared).toBeGreaterThan(8);
});

async function tarBytes(layers: readonly Layer[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(mergedMembers(layers, { where: "test" }))) {
    chunks.push(Uint8Array.from(chunk));
  }
  return Buffer.concat(chunks);
}

function refusal(error: unknown): undefined {
  if (!(error instanceof CambiumError)) throw error;
}
