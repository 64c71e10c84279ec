import { expect, test } from "vitest";
import { type DiffId, digestOf } from "../layer/digest.ts";
import { encodeDocument } from "../store/checked-document.ts";
import { type BuildRecord, decodeRecord, encodeRecord } from "./build-record.ts";

const digest = digestOf("image");
const diffId = digestOf("tar") as string as DiffId;
const descriptor = {
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  digest: digestOf("layer"),
  size: 9,
};
const layer = {
  ...{ name: "python six", digest: descriptor.digest, diffId, sizeBytes: 9, isReused: false },
  packages: [{ ecosystem: "python", name: "six", version: "1.17.0", sizeBytes: 9 }],
};
const record: BuildRecord = {
  version: 2,
  layoutVersions: { layer: 1 },
  definition: {},
  lock: "",
  images: [
    {
      ...{ platform: "linux/amd64", key: digestOf("key"), created: "2020-01-01T00:00:00Z", digest },
      result: { platform: { os: "linux", architecture: "amd64" }, digest, sizeBytes: 9, layers: [layer] },
      ...{
        layers: [{ key: digestOf("plan"), descriptor, diffId, listing: descriptor }],
        files: [],
        generated: [],
      },
    },
  ],
  absent: [],
  bases: [
    {
      ...{ digest: digestOf("base"), reference: "example/base:1" },
      documents: {
        digest: digestOf("base"),
        config: {
          ...{
            architecture: "amd64",
            os: "linux",
            config: { Env: ["PATH=/bin"], Healthcheck: { Test: ["NONE"] } },
          },
          rootfs: { type: "layers", diff_ids: [diffId] },
        },
        layers: [{ descriptor: { ...descriptor, annotations: { note: "kept" } }, diffId }],
      },
      listings: [{ diffId, descriptor }],
    },
  ],
};
const [image] = record.images;
const [base] = record.bases;

test("a record is read as it was written, to the annotations of a base's layers", () => {
  expect(decodeRecord(encodeRecord(record))).toEqual(record);
});

test.for([
  { name: "a later version", document: { ...record, version: 1 } },
  { name: "another document", document: { hello: 1 } },
  { name: "a result that is none", document: { ...record, images: [{ ...image, result: {} }] } },
  {
    name: "a result for another machine",
    document: {
      ...record,
      images: [{ ...image, result: { ...(image?.result as object), platform: { os: "plan9" } } }],
    },
  },
  {
    name: "documents of a base without a config",
    document: { ...record, bases: [{ ...base, documents: { layers: [] } }] },
  },
  { name: "a digest that is none", document: { ...record, images: [{ ...image, digest: "sha256:../x" }] } },
])("$name is no record", ({ document }) => {
  expect(decodeRecord(encodeDocument(document))).toBeUndefined();
});
