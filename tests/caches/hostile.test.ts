import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CACHE_ARTIFACT_TYPE } from "../../src/cache/entry.ts";
import { canonicalJson } from "../../src/canonical-json.ts";
import { blobOf } from "../../src/image/manifest.ts";
import { MANIFEST_MEDIA_TYPE } from "../../src/image/media-types.ts";
import { onceBytes } from "../../src/image/outputs/atomic-file.ts";
import { parseReference } from "../../src/image/reference.ts";
import { digestOf } from "../../src/layer/digest.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { openRepository, type Repository } from "../../src/registry/repository.ts";
import { decodeDocument, encodeDocument } from "../../src/store/checked-document.ts";
import { type StepWorld, startStepWorld } from "../dockerfile/step-world.ts";
import { needs } from "../support/needs.ts";
import { type Built, builtBy } from "../support/registry-bases.ts";

type Document = {
  tag: string;
  version: number;
  layoutVersions: Record<string, number>;
  result: {
    layer: {
      descriptor: { digest: string; size: number; mediaType: string };
      diffId: string;
      content: string;
      listing: { digest: string; size: number; mediaType: string };
    };
  };
};

const FLAGS = ["--progress", "json", "--platform", "linux/amd64"];
const ENV = { CAMBIUM_PROJECT: "p", SOURCE_DATE_EPOCH: "1700000000" };
const other = digestOf("something else");

/** What somebody who may write there makes of an entry. */
const forged: readonly [name: string, change: (document: Document) => unknown][] = [
  ["of a newer version", (it) => ({ ...it, version: 2 })],
  ["of other layout versions", (it) => ({ ...it, layoutVersions: { ...it.layoutVersions, base: 999 } })],
  ["of another key", (it) => ({ ...it, tag: it.tag.replace(/.$/, (last) => (last === "0" ? "1" : "0")) })],
  ["that is another document", () => ({ hello: "world" })],
  ["with a digest that is none", (it) => withLayer(it, { diffId: "sha256:../../etc" })],
  ["of a content that it has not", (it) => withLayer(it, { content: other })],
  ["of another layer than its listing", (it) => withLayer(it, { diffId: other })],
  [
    "with a listing that is nowhere",
    (it) => withLayer(it, { listing: { ...it.result.layer.listing, digest: other } }),
  ],
  [
    "with a listing of absurd size",
    (it) => withLayer(it, { listing: { ...it.result.layer.listing, size: 2 ** 50 } }),
  ],
];

function withLayer(document: Document, layer: Partial<Document["result"]["layer"]>): Document {
  return { ...document, result: { layer: { ...document.result.layer, ...layer } } };
}

/** What an entry's manifest may be instead. */
const broken: readonly [name: string, manifest: (good: { config: object; layers: object[] }) => object][] = [
  ["an image", (good) => good],
  ["another's artifact", (good) => ({ ...good, artifactType: "application/vnd.example" })],
  [
    "an entry with other bytes in it than it says",
    ({ config, ...good }) => ({
      ...good,
      artifactType: CACHE_ARTIFACT_TYPE,
      config: { ...config, data: Buffer.from("other").toString("base64") },
    }),
  ],
];

describe.runIf(needs("docker-registry", "runc", "root"))("a hostile entry", () => {
  let world: StepWorld;
  let right: Built;
  let count = 0;
  const access = createRegistryAccess({ env: {}, emit: () => undefined });
  const text = "FROM base\nRUN echo made > /made\n";
  beforeAll(async () => {
    world = await startStepWorld();
    right = await build([]);
  });
  afterAll(async () => {
    await access.close();
    await world?.[Symbol.asyncDispose]();
  });

  async function build(args: readonly string[], last = ""): Promise<Built> {
    const context = world.context(text + last);
    return builtBy(await world.newMachine().run(["build", context, ...FLAGS, ...args], { env: ENV }));
  }

  /** A place that has the step alone, and no image with a record of it. */
  async function newPlace() {
    const place = `${world.world.registry.address}/hostile-${count++}:c`;
    await build(["--cache-to", `${place},stage=0`]);
    const repository = openRepository(parseReference(place, "test"), access, "push");
    const tag = (await repository.tags()).find((name) => name.startsWith("cambium-step-"))!;
    const manifest = JSON.parse(Buffer.from((await repository.manifest(tag))!.bytes).toString("utf8"));
    return { place, repository, tag, manifest };
  }

  /** Puts another document into the entry. */
  async function forge(
    { repository, tag, manifest }: Awaited<ReturnType<typeof newPlace>>,
    change: (document: Document) => unknown,
  ): Promise<void> {
    const read = (document: unknown) => document as Document;
    const document = decodeDocument(Buffer.from(manifest.config.data, "base64"), 1 << 20, read)!;
    const bytes = encodeDocument(change(document));
    const config = { ...manifest.config, digest: digestOf(bytes), size: bytes.byteLength };
    await repository.uploadBlob({ descriptor: config, bytes: () => onceBytes(bytes) });
    const data = Buffer.from(bytes).toString("base64");
    await put(repository, tag, { ...manifest, config: { ...config, data } });
  }

  async function put(repository: Repository, tag: string, manifest: object): Promise<void> {
    const bytes = Buffer.from(canonicalJson(manifest), "utf8");
    await repository.putManifest(blobOf(bytes, MANIFEST_MEDIA_TYPE), tag);
  }

  async function expectRight(place: string, warnings: readonly string[]): Promise<void> {
    const built = await build(["--cache-from", place]);
    expect({ digest: built.digest, warnings: built.warnings }).toEqual({ digest: right.digest, warnings });
  }

  test("the good one is taken", async () => {
    const { place } = await newPlace();
    const built = await build(["--cache-from", place]);
    expect(built.steps).toEqual([expect.stringMatching(/^hit: /)]);
    await expectRight(place, []);
  });

  test.for(forged)("%s is a warning, and the image is right", async ([, change]) => {
    const at = await newPlace();
    await forge(at, change);
    await expectRight(at.place, ["CACHE_ENTRY_INVALID"]);
  });

  test.for(broken)("that is %s is no cause to fail", async ([name, change]) => {
    const { place, repository, tag, manifest } = await newPlace();
    const { artifactType: _, ...good } = manifest;
    await put(repository, tag, change(good));
    // What it says beside its digest is not looked at: the blob is read instead.
    await expectRight(place, name.startsWith("an entry with") ? [] : ["CACHE_ENTRY_INVALID"]);
  });

  test("whose layer the registry has not is told of when it is read, and not before", async () => {
    const at = await newPlace();
    await forge(at, (document) => {
      const { descriptor } = document.result.layer;
      return withLayer(document, { descriptor: { ...descriptor, digest: other } });
    });
    const built = await build(["--cache-from", at.place], "RUN cat /made > /seen\n");
    const expected = await build([], "RUN cat /made > /seen\n");
    expect({ digest: built.digest, warnings: built.warnings }).toEqual({
      digest: expected.digest,
      warnings: ["CACHE_UNREADABLE"],
    });
  });
});
