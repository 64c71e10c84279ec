import { expect, test } from "vitest";
import { blobOf } from "../image/manifest.ts";
import { INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE } from "../image/media-types.ts";
import { digestOf, parseDigest } from "../layer/digest.ts";
import type { BuildRecord } from "./build-record.ts";
import {
  RECORD_ARTIFACT_TYPE,
  recordArtifact,
  recordFrom,
  recordRow,
  withRecord,
} from "./record-artifact.ts";

const record: BuildRecord = {
  version: 2,
  layoutVersions: { layer: 1 },
  definition: { base: { kind: "debian" } },
  lock: "version = 1\n",
  images: [],
  absent: [],
  bases: [],
};
const subject = blobOf(Buffer.from("{}"), MANIFEST_MEDIA_TYPE).descriptor;
const artifact = recordArtifact(record, [], subject);
const json = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString("utf8"));
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value), "utf8");

test("one request gives the whole record", () => {
  const row = recordRow(withRecord(undefined, artifact).bytes);
  expect(row?.digest).toBe(artifact.manifest.descriptor.digest);
  expect(recordFrom(row!.manifest!)).toEqual(record);
});

test("the artifact names its subject, and equal records are equal bytes", () => {
  expect(json(artifact.manifest.bytes)).toMatchObject({ artifactType: RECORD_ARTIFACT_TYPE, subject });
  expect(recordArtifact(structuredClone(record), [], subject).manifest.bytes).toEqual(
    artifact.manifest.bytes,
  );
});

test("what other tools refer to the image with stays, an earlier record goes", () => {
  const signature = {
    mediaType: MANIFEST_MEDIA_TYPE,
    digest: digestOf("signature"),
    size: 9,
    artifactType: "application/vnd.example.signature",
    annotations: { by: "ada" },
  };
  const before = bytesOf({
    schemaVersion: 2,
    mediaType: INDEX_MEDIA_TYPE,
    manifests: [{ ...subject, artifactType: RECORD_ARTIFACT_TYPE }, signature],
  });
  const after = json(withRecord(before, artifact).bytes);
  expect(after.manifests).toHaveLength(2);
  expect(after.manifests[0]).toEqual(signature);
  expect(after.manifests[1].digest).toBe(artifact.manifest.descriptor.digest);
});

test.for([
  ["no JSON", Buffer.from("<html>")],
  ["another artifact", bytesOf({ ...json(artifact.manifest.bytes), artifactType: "application/example" })],
  ["a record that is not what its descriptor says", changed({ digest: digestOf("other") })],
  ["a record that is damaged", withData(Buffer.from("rubbish"))],
  ["no data", changed({ data: undefined })],
] as const)("%s is no record", ([, manifest]) => {
  expect(recordFrom(manifest)).toBeUndefined();
});

test("embedded content that is not what its descriptor says is not used", () => {
  const index = json(withRecord(undefined, artifact).bytes);
  index.manifests[0].data = Buffer.from("{}").toString("base64");
  expect(recordRow(bytesOf(index))).toEqual({
    digest: artifact.manifest.descriptor.digest,
    manifest: undefined,
  });
});

function changed(config: object): Uint8Array {
  const manifest = json(artifact.manifest.bytes);
  return bytesOf({ ...manifest, config: { ...manifest.config, ...config } });
}

function withData(bytes: Uint8Array): Uint8Array {
  const digest = parseDigest(digestOf(bytes), "test");
  return changed({ digest, size: bytes.byteLength, data: Buffer.from(bytes).toString("base64") });
}
