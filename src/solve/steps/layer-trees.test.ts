import { expect, test } from "vitest";
import type { Engine } from "../../engine/embedded/engine.ts";
import { type DiffId, digestOf } from "../../layer/digest.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { LayerBench } from "../lazy-layers.ts";
import { layerTrees } from "./layer-trees.ts";

function recordOf(name: string): LayerRecord {
  const descriptor = {
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    digest: digestOf(name),
    size: 1,
  };
  return { descriptor, diffId: name as DiffId } as LayerRecord;
}

test("of layers that are there as folders the store is asked nothing; one that comes again stands on top alone", async () => {
  const asked: string[] = [];
  const engine = {
    hasTree: async (diffId: string) => {
      asked.push(diffId);
      return true;
    },
    treeOf: async ({ diffId }: LayerRecord) => `/trees/${diffId}`,
  } as unknown as Engine;
  // Whatever is asked of this store is an error.
  const bench = { store: undefined, signal: new AbortController().signal } as unknown as LayerBench;
  const records = ["base", "a", "base"].map(recordOf);
  expect(await layerTrees(records, engine, bench)).toEqual(["/trees/a", "/trees/base"]);
  expect(asked).toEqual(["base", "a", "base"]);
});
