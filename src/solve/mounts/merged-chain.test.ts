import { expect, test } from "vitest";
import { digestOf } from "../../layer/digest.ts";
import { ZSTD_LAYER_MEDIA_TYPE } from "../../layer/layer.ts";
import type { ChainLayer } from "../../store/mount-state.ts";
import { mergedChain } from "./merged-chain.ts";

const layer = (name: string): ChainLayer => {
  const digest = digestOf(name);
  return {
    descriptor: { mediaType: ZSTD_LAYER_MEDIA_TYPE, digest, size: 1 },
    diffId: digest as string as ChainLayer["diffId"],
    tarBytes: 1,
  };
};
const chain = (...names: string[]) => names.map(layer);

test.for<[string, string[], string[], string[]]>([
  ["what we added goes on top of what they added", ["b", "t"], ["b", "o"], ["b", "t", "o"]],
  [
    "what they have of ours already does not come twice",
    ["b", "t", "o"],
    ["b", "o", "p"],
    ["b", "t", "o", "p"],
  ],
  ["nothing of ours is new: theirs stays", ["b", "t"], ["b"], ["b", "t"]],
  ["nothing of theirs is new: ours", ["b"], ["b", "o"], ["b", "o"]],
  ["another beginning: ours replace theirs", ["c", "t"], ["b", "o"], ["b", "o"]],
  ["they have none", [], ["b", "o"], ["b", "o"]],
])("%s", ([, theirs, ours, merged]) => {
  expect(mergedChain(chain(...theirs), chain(...ours), true)).toEqual(chain(...merged));
});

test("what is not shared has one writer: ours replace theirs", () => {
  expect(mergedChain(chain("b", "t"), chain("b", "o"), false)).toEqual(chain("b", "o"));
});

test("a chain does not grow without bound", () => {
  const theirs = chain(...Array.from({ length: 32 }, (_, i) => `t${i}`));
  const ours = [...theirs.slice(0, 1), layer("o")];
  expect(mergedChain(theirs, ours, true)).toEqual(ours);
});
