import { expect, test } from "vitest";
import { blobOf } from "../image/manifest.ts";
import { MANIFEST_MEDIA_TYPE } from "../image/media-types.ts";
import { type DiffId, digestOf } from "../layer/digest.ts";
import type { SegmentId } from "../layer/segment.ts";
import { isStagesRecord, recordFrom, stagesArtifact, stagesRecordFrom } from "./record-artifact.ts";
import { decodeStagesRecord, encodeStagesRecord, type StagesRecord, saltedKey } from "./stages-record.ts";

const descriptor = { mediaType: "application/example", digest: digestOf("layer"), size: 5 };
const diffId = digestOf("tar") as string as DiffId;
const record: StagesRecord = {
  version: 2,
  layoutVersions: { layer: 1 },
  lock: "version = 1\n",
  images: [
    {
      ...{ platform: "linux/amd64", key: digestOf("key"), digest: digestOf("image") },
      result: {
        ...{ platform: { os: "linux", architecture: "amd64" }, digest: digestOf("image") },
        ...{ sizeBytes: 5, layers: [] },
      },
    },
  ],
  steps: [
    { key: digestOf("nothing") },
    {
      key: digestOf("step"),
      layer: {
        ...{ descriptor, diffId, content: digestOf("content"), listing: descriptor },
      },
    },
  ],
  layers: [{ key: digestOf("plan"), descriptor, diffId, listing: descriptor }],
  generated: [{ key: digestOf("packages"), ids: ["ab".repeat(32) as SegmentId] }],
  bases: [],
  listings: [{ diffId, descriptor }],
  absent: [descriptor.digest],
};

test("a record is read as it was written, and is no other kind", () => {
  const { manifest } = stagesArtifact(record, [], blobOf(Buffer.from("{}"), MANIFEST_MEDIA_TYPE).descriptor);
  expect(stagesRecordFrom(manifest.bytes)).toEqual(record);
  expect(isStagesRecord(manifest.bytes)).toBe(true);
  expect(recordFrom(manifest.bytes)).toBeUndefined();
});

test.for([
  ["an earlier version", { ...record, version: 1 }],
  ["a later version", { ...record, version: 3 }],
  ["a lock that is no text", { ...record, lock: {} }],
  ["a result that is none", { ...record, images: [{ ...record.images[0], result: {} }] }],
  ["no word of what is absent", { ...record, absent: undefined }],
  ["a step without a key", { ...record, steps: [{}] }],
  ["a key that is no digest", { ...record, steps: [{ key: "../x" }] }],
  ["a layer without a listing", { ...record, steps: [{ key: digestOf("x"), layer: { descriptor } }] }],
  [
    "a negative size",
    { ...record, listings: [{ diffId: digestOf("x"), descriptor: { ...descriptor, size: -1 } }] },
  ],
] as const)("%s is no record", ([, document]) => {
  expect(decodeStagesRecord(encodeStagesRecord(document as unknown as StagesRecord))).toBeUndefined();
});

test("bytes that are damaged are no record", () => {
  const bytes = Buffer.from(encodeStagesRecord(record));
  for (const at of [0, 5, bytes.length - 1]) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1;
    expect(decodeStagesRecord(damaged)).toBeUndefined();
  }
  expect(decodeStagesRecord(bytes.subarray(0, bytes.length - 3))).toBeUndefined();
});

test("the same key is another one beside another image", () => {
  const keys = ["one", "two"].map((image) => saltedKey(digestOf(image), digestOf("key")));
  expect(new Set([...keys, digestOf("key")]).size).toBe(3);
});
