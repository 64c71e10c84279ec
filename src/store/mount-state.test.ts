import { expect, test } from "vitest";
import { parseDiffId, parseDigest } from "../layer/digest.ts";
import { ZSTD_LAYER_MEDIA_TYPE } from "../layer/layer.ts";
import { decodeMountChain, decodeMountState, encodeMountState, type MountState } from "./mount-state.ts";

const state: MountState = {
  chain: [
    {
      descriptor: {
        mediaType: ZSTD_LAYER_MEDIA_TYPE,
        digest: parseDigest(`sha256:${"a".repeat(64)}`, "test"),
        size: 10,
      },
      diffId: parseDiffId(`sha256:${"b".repeat(64)}`, "test"),
      tarBytes: 2048,
    },
  ],
  createdMs: 1234,
  paths: [
    {
      ...{ path: "a\nb", type: "f", size: 3, mtime: "1.000000001", ctime: "2.000000000", inode: "7" },
      ...{ mode: 0o4755, uid: 1, gid: 2, links: 1, target: "" },
    },
  ],
};

test("a state is read as it was written", () => {
  const bytes = Buffer.from(encodeMountState(state));
  expect(decodeMountState(bytes)).toEqual(state);
  expect(decodeMountChain(bytes)).toEqual({ chain: state.chain, createdMs: 1234 });
});

test("a damaged, cut or newer one is none", () => {
  const bytes = Buffer.from(encodeMountState(state));
  for (const length of [0, 1, 20, bytes.length - 1]) {
    expect(decodeMountState(bytes.subarray(0, length))).toBeUndefined();
  }
  const newer = Buffer.from(bytes.toString("latin1").replace('"version":1', '"version":2'), "latin1");
  expect(decodeMountState(newer)).toBeUndefined();
});
