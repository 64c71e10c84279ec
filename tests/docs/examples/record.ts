import { zstdDecompressSync } from "node:zlib";
import type { BuildRecord } from "../../../src/cache/build-record.ts";
import {
  LISTING_MEDIA_TYPE,
  type RecordArtifact,
  recordArtifact,
  recordFrom,
  recordRow,
  stagesArtifact,
  stagesRecordFrom,
  withRecord,
} from "../../../src/cache/record-artifact.ts";
import { type StagesRecord, saltedKey } from "../../../src/cache/stages-record.ts";
import { writeCambiumLock } from "../../../src/ecosystems/cambium-lock.ts";
import { type DiffId, digestOf } from "../../../src/layer/digest.ts";
import { LAYOUT_VERSIONS } from "../../../src/layout-versions.ts";
import { referrersTag } from "../../../src/registry/read-listings.ts";
import { encodeSegments } from "../../../src/store/segment-codec.ts";
import type { Example } from "./example.ts";
import { exampleImage } from "./image.ts";
import { definitionKeyExample } from "./keys.ts";
import { exampleLock } from "./lock.ts";
import { exampleSegment } from "./segment.ts";

/** The record of the example image, whose one layer is the example segment. */
export async function recordExamples(): Promise<Example[]> {
  const image = await exampleImage("amd64");
  const root = image.manifest.descriptor;
  const { segment } = exampleSegment();
  const [layer] = image.layers;
  const listingBytes = encodeSegments([segment]);
  const listing = {
    mediaType: LISTING_MEDIA_TYPE,
    digest: digestOf(listingBytes),
    size: listingBytes.byteLength,
  };
  const { definition, created, key } = definitionKeyExample();
  const base = digestOf("manifest of the base");
  const record: BuildRecord = {
    version: 2,
    layoutVersions: LAYOUT_VERSIONS,
    definition,
    lock: writeCambiumLock(exampleLock(), { urls: true }),
    images: [
      {
        platform: "linux/amd64",
        key,
        created,
        digest: root.digest,
        result: {
          platform: { os: "linux", architecture: "amd64" },
          digest: root.digest,
          sizeBytes: layer!.descriptor.size,
          layers: [
            {
              name: "files",
              digest: layer!.descriptor.digest,
              diffId: layer!.diffId,
              sizeBytes: layer!.descriptor.size,
              packages: [],
              isReused: false,
            },
          ],
        },
        layers: [
          {
            key: digestOf("plan of the layer"),
            descriptor: layer!.descriptor,
            diffId: layer!.diffId,
            listing,
          },
        ],
        files: [segment.id],
        generated: [{ key: digestOf("what is generated from"), ids: [segment.id] }],
      },
    ],
    bases: [
      {
        digest: base,
        reference: "registry.example/base:1",
        documents: {
          digest: base,
          config: { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } },
          layers: [],
        },
        listings: [],
      },
    ],
    absent: [],
  };
  const [recorded] = record.images;
  const inStages: StagesRecord = {
    version: 2,
    layoutVersions: LAYOUT_VERSIONS,
    lock: "version = 1\n",
    images: [
      {
        ...{ platform: "linux/amd64", key: saltedKey(root.digest, digestOf("graph and files")) },
        ...{ digest: root.digest, result: recorded!.result },
      },
    ],
    steps: [
      {
        key: saltedKey(root.digest, digestOf("key of a command")),
        layer: {
          descriptor: { ...layer!.descriptor, digest: digestOf("layer of a stage") },
          diffId: digestOf("its tar") as string as DiffId,
          ...{ content: digestOf("what it changed"), listing },
        },
      },
    ],
    layers: recorded!.layers,
    generated: recorded!.generated,
    ...{ bases: [], listings: [], absent: [digestOf("layer of a stage")] },
  };
  const staged = stagesRecordFrom(stagesArtifact(inStages, [listing], root).manifest.bytes);
  if (JSON.stringify(staged) !== JSON.stringify(inStages)) throw new Error("not read as it was written");
  const artifact = recordArtifact(record, [listing], root);
  const index = withRecord(undefined, artifact);
  assertReadable(artifact, index.bytes, record);
  const unstable = [artifact.config, artifact.manifest, { descriptor: listing, bytes: listingBytes }];
  const shown = (bytes: Uint8Array | string) => {
    let text = Buffer.from(bytes)
      .toString("utf8")
      .replaceAll(/"data":"[^"]*"/g, '"data":"…"');
    for (const { descriptor } of unstable) {
      text = text.replaceAll(`"digest":"${descriptor.digest}"`, '"digest":"…"');
      text = text.replaceAll(new RegExp(`("digest":"…"[^{}]*"size":)${descriptor.size}\\b`, "g"), "$1…");
    }
    return text;
  };
  const document = zstdDecompressSync(artifact.config.bytes.subarray(4)).toString("utf8");
  if (document !== JSON.stringify(record)) throw new Error("the document is not the record");
  return [
    { name: "record-index", text: `${referrersTag(root.digest)}\n${shown(index.bytes)}` },
    { name: "record-manifest", text: shown(artifact.manifest.bytes) },
    { name: "record-document", text: shown(byMember(record)) },
    { name: "record-stages", text: shown(byMember(inStages)) },
    { name: "record-listing", text: zstdDecompressSync(listingBytes.subarray(4)).toString("utf8") },
  ];
}

/** The page's example is one that a reader takes. */
function assertReadable(artifact: RecordArtifact, index: Uint8Array, record: BuildRecord): void {
  const row = recordRow(index);
  const read = row?.manifest && recordFrom(row.manifest);
  if (row?.digest !== artifact.manifest.descriptor.digest) throw new Error("the index has another record");
  if (JSON.stringify(read) !== JSON.stringify(record)) throw new Error("the record does not survive reading");
}

function byMember(document: object): string {
  const members = Object.entries(document).map(
    ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  );
  return `{${members.join(",\n")}}`;
}
