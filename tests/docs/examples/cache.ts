import { zstdDecompressSync } from "node:zlib";
import { entryArtifact, entryTag, readEntry, type StepEntry } from "../../../src/cache/entry.ts";
import { mergedRows } from "../../../src/cache/folder-export.ts";
import { LISTING_MEDIA_TYPE } from "../../../src/cache/record-artifact.ts";
import type { Remote } from "../../../src/cache/remote.ts";
import { layoutIndex, REF_NAME } from "../../../src/image/outputs/layout-documents.ts";
import { type DiffId, digestOf } from "../../../src/layer/digest.ts";
import type { Example } from "./example.ts";
import { exampleImage } from "./image.ts";

/** An entry of a command in the repository `team/app`, and the index of a folder after one build. */
export async function cacheExamples(): Promise<Example[]> {
  const key = digestOf("key of a command");
  const listing = { mediaType: LISTING_MEDIA_TYPE, digest: digestOf("listing"), size: 123 };
  const image = await exampleImage("amd64");
  const { descriptor } = image.layers[0]!;
  const result = {
    layer: {
      descriptor,
      diffId: digestOf("its tar") as string as DiffId,
      content: digestOf("what it changed"),
      listing,
    },
  };
  const entry: StepEntry = { kind: "step", result };
  const tag = entryTag("step", key, { salt: "team/app" });
  const { config, manifest } = entryArtifact(tag, entry, [descriptor, listing]);
  const remote = { salt: "team/app", name: "example", manifest: async () => manifest } as unknown as Remote;
  const read = await readEntry(remote, "step", key);
  if (JSON.stringify(read?.result) !== JSON.stringify(result)) throw new Error("not read as it was written");
  const owner = `cambium-image-${"0".repeat(64)}`;
  const rows = [owner, "sha256-…"].map((name) => {
    const annotations = { [REF_NAME]: name, "dev.cambium.cache.owner": owner };
    return [name, { ...image.manifest.descriptor, annotations }] as const;
  });
  return [
    { name: "entry-tag", text: tag },
    {
      name: "entry-manifest",
      text: Buffer.from(manifest.bytes)
        .toString("utf8")
        .replace(/"data":"[^"]*"/, '"data":"…"')
        .replace(`"digest":"${config.descriptor.digest}"`, '"digest":"…"')
        .replace(/(config\.v1\+zstd","size":)\d+/, "$1…"),
    },
    { name: "entry-document", text: zstdDecompressSync(config.bytes.subarray(4)).toString("utf8") },
    { name: "folder-index", text: layoutIndex(mergedRows([], owner, new Map(rows), () => false)) },
  ];
}
