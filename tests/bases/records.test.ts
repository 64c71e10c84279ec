import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BuildRecord } from "../../src/cache/build-record.ts";
import { readRecord } from "../../src/cache/read-record.ts";
import {
  RECORD_ARTIFACT_TYPE,
  type RecordArtifact,
  recordArtifact,
} from "../../src/cache/record-artifact.ts";
import { uploadRecord } from "../../src/cache/write-record.ts";
import { blobOf } from "../../src/image/manifest.ts";
import { INDEX_MEDIA_TYPE, MANIFEST_MEDIA_TYPE } from "../../src/image/media-types.ts";
import { parseReference } from "../../src/image/reference.ts";
import { type Descriptor, type Digest, digestOf } from "../../src/layer/digest.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { referrersTag } from "../../src/registry/read-listings.ts";
import { openRepository } from "../../src/registry/repository.ts";
import { decodeSegments, encodeSegments } from "../../src/store/segment-codec.ts";
import { startHostileProxy } from "../registry/proxy.ts";
import { listingBlob, type PushedBlob } from "../support/listing-blob.ts";
import { needs } from "../support/needs.ts";
import { type BaseWorld, moduleWheel, startBaseWorld } from "../support/registry-bases.ts";
import { remoteAt } from "../support/remotes.ts";
import "../support/in-memory.ts";

const UNREADABLE = ["RECORD_UNREADABLE"];
const NAMES = ["one", "two", "three"];
const unchanged = {
  "app.py": "print('hello')\n",
  "requirements.txt": NAMES.map((name) => `${name}==1.0\n`).join(""),
};
const changed = { ...unchanged, "requirements.txt": `${unchanged["requirements.txt"]}added==1.0\n` };

type Damage = {
  readonly name: string;
  /** The image itself is found by the record all the same: only a changed project reads the listings. */
  readonly isOfListing?: true;
  /** The record in its place, with blobs that it names. */
  readonly record: (record: BuildRecord) => Promise<readonly [record: unknown, blobs: readonly PushedBlob[]]>;
};

describe.runIf(needs("docker-registry"))("an unusable record is a warning, and the build is right", () => {
  let world: BaseWorld;
  let base: string;
  let good: BuildRecord;
  let root: Descriptor;
  /** Of the unchanged project and of the changed one, as a machine without any record builds them. */
  let expected: readonly [unchanged: string, changed: string];
  let counter = 0;
  const access = createRegistryAccess({ env: {}, emit: () => undefined });

  beforeAll(async () => {
    world = await startBaseWorld([...NAMES, "added"].map((name) => moduleWheel(name)));
    base = await world.pushBase("debian:1", (await world.debian()).layers);
    const warm = world.machine("warm");
    const flags = ["--base", base, "-t", `${world.registry.address}/good:1`];
    const project = world.project("good", unchanged);
    const { digest } = await warm.build(project, ...flags, "--push");
    expected = [digest, (await warm.build(world.project("good-changed", changed), ...flags)).digest];
    const { remote, head } = remoteAt(`${world.registry.address}/good:1`, access);
    const found = await readRecord(remote, head, (event) => {
      throw new Error(JSON.stringify(event));
    });
    good = found!.record;
    const manifest = await openRepository(referenceOf("good:1"), access).manifest("1");
    root = manifest!.descriptor;
  });
  afterAll(async () => {
    await access.close();
    await world?.[Symbol.asyncDispose]();
  });

  const referenceOf = (name: string) => parseReference(`${world.registry.address}/${name}`, "test");

  /** A tag with the image, whose record is put there by `put`. */
  async function tagWith(
    put: (repository: ReturnType<typeof openRepository>) => Promise<unknown>,
  ): Promise<string> {
    const name = `damaged-${counter}:1`;
    const flags = ["--base", base, "-t", `${world.registry.address}/${name}`, "--push"];
    await world.machine("warm").build(world.project("good", unchanged), ...flags);
    await put(openRepository(referenceOf(name), access, "push"));
    return `${world.registry.address}/${name}`;
  }

  /** Both projects on machines that know nothing but that record; `codes` are of the warnings that each gives. */
  async function expectRight(tag: string, codes: readonly (readonly string[])[]): Promise<void> {
    counter += 1;
    for (const [i, files] of [unchanged, changed].entries()) {
      const id = `${counter}-${i}`;
      const project = world.project(`p-${id}`, files);
      const built = await world.machine(`m-${id}`).build(project, "--base", base, "--cache-from", tag);
      expect({ digest: built.digest, codes: [...new Set(built.warnings)] }).toEqual({
        digest: expected[i],
        codes: codes[i],
      });
    }
  }

  async function listing(record: BuildRecord, pick = 0): Promise<Uint8Array> {
    const { listing: of } = record.images[0]!.layers[pick]!;
    const chunks: Uint8Array[] = [];
    for await (const chunk of openRepository(referenceOf("good:1"), access).blob(of)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  const withImage = (record: BuildRecord, change: object) => ({
    ...record,
    images: record.images.map((image) => ({ ...image, ...change })),
  });
  const withListing = (record: BuildRecord, bytes: Uint8Array): [unknown, PushedBlob[]] => {
    const blob = listingBlob(bytes);
    const layers = record.images[0]!.layers.map((layer) => ({ ...layer, listing: blob.descriptor }));
    return [withImage(record, { layers }), [blob]];
  };

  const damages: readonly Damage[] = [
    { name: "a newer format", record: async (record) => [{ ...record, version: 3 }, []] },
    {
      name: "other layout versions",
      record: async (record) => [{ ...record, layoutVersions: { ...record.layoutVersions, base: 999 } }, []],
    },
    { name: "another document altogether", record: async () => [{ hello: ["world"] }, []] },
    { name: "a lock that is none", record: async (record) => [{ ...record, lock: "[[" }, []] },
    { name: "a result that is none", record: async (record) => [withImage(record, { result: {} }), []] },
    {
      name: "documents of a base that are none",
      record: async (record) => [
        { ...record, bases: record.bases.map((one) => ({ ...one, documents: { layers: [] } })) },
        [],
      ],
    },
    {
      name: "a listing that ends early",
      isOfListing: true,
      record: async (record) => withListing(record, (await listing(record)).subarray(0, -9)),
    },
    {
      name: "a listing that is no document",
      isOfListing: true,
      record: async (record) => withListing(record, Buffer.from("no")),
    },
    {
      name: "a listing with a path that leads out",
      isOfListing: true,
      record: async (record) => {
        const segments = decodeSegments(await listing(record))!;
        const hostile = segments.map((segment) => ({
          ...segment,
          entries: segment.entries.map((entry) => ({ ...entry, path: `../../${entry.path}` })),
        }));
        return withListing(record, encodeSegments(hostile));
      },
    },
    {
      name: "a listing that the registry lost",
      isOfListing: true,
      record: async (record) => {
        const lost = listingBlob(Buffer.from("lost")).descriptor;
        const layers = record.images[0]!.layers.map((layer) => ({ ...layer, listing: lost }));
        return [withImage(record, { layers }), []];
      },
    },
  ];

  test.for(damages)("$name", async ({ record, isOfListing }) => {
    const [document, blobs] = await record(good);
    const tag = await tagWith(async (repository) => {
      const artifact: RecordArtifact = recordArtifact(document as BuildRecord, [], root);
      await (await uploadRecord(repository, root.digest, artifact, blobs))();
    });
    await expectRight(tag, [isOfListing ? [] : UNREADABLE, UNREADABLE]);
  });

  test.for([
    { name: "is nowhere", digest: () => digestOf("nowhere") },
    { name: "is an image", digest: () => root.digest },
  ])("an index whose record $name", async ({ digest }) => {
    const row = {
      ...{ mediaType: MANIFEST_MEDIA_TYPE, digest: digest(), size: 2 },
      artifactType: RECORD_ARTIFACT_TYPE,
    };
    const document = { schemaVersion: 2, mediaType: INDEX_MEDIA_TYPE, manifests: [row] };
    const index = blobOf(Buffer.from(JSON.stringify(document)), INDEX_MEDIA_TYPE);
    // The registry itself holds an index to what it has, so another one in front of it says this.
    await using front = await startHostileProxy(world.registry.address);
    front.fault = ({ url }) =>
      url.endsWith(`/manifests/${referrersTag(root.digest)}`)
        ? { kind: "answer", status: 200, headers: { "content-type": INDEX_MEDIA_TYPE }, body: index.bytes }
        : undefined;
    await expectRight(`${front.address}/good:1`, [UNREADABLE, UNREADABLE]);
  });

  test("an index of referrers that is not one", async () => {
    const tag = await tagWith((repository) =>
      repository.putManifest(
        blobOf(Buffer.from('{"schemaVersion":2,"manifests":[]}'), INDEX_MEDIA_TYPE),
        referrersTag(root.digest),
      ),
    );
    await expectRight(tag, [[], []]);
  });

  test("content in an index that is not what it names is not read; the record is fetched", async () => {
    const tag = await tagWith(async (repository) => {
      const index = await repository.manifest(referrersTag(root.digest));
      const document = JSON.parse(Buffer.from(index!.bytes).toString("utf8")) as {
        manifests: { data: string; digest: Digest }[];
      };
      for (const row of document.manifests) row.data = Buffer.from("garbage").toString("base64");
      const bytes = Buffer.from(JSON.stringify(document));
      return repository.putManifest(blobOf(bytes, INDEX_MEDIA_TYPE), referrersTag(root.digest));
    });
    await world.forget();
    await expectRight(tag, [[], []]);
    const wheels = world.wheelRequests().map((path) => path.replace(/^\/files\/(\w+)-.*$/, "$1"));
    expect(wheels).toContain("added");
  });
});
