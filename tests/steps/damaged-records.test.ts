import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStagesRecord } from "../../src/cache/read-record.ts";
import { stagesArtifact } from "../../src/cache/record-artifact.ts";
import type { StagesRecord } from "../../src/cache/stages-record.ts";
import { uploadRecord } from "../../src/cache/write-record.ts";
import { parseReference } from "../../src/image/reference.ts";
import { type Descriptor, digestOf } from "../../src/layer/digest.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { openRepository } from "../../src/registry/repository.ts";
import { decodeSegments, encodeSegments } from "../../src/store/segment-codec.ts";
import { type DebianWorld, startDebianWorld } from "../dockerfile/debian-world.ts";
import { listingBlob, type PushedBlob } from "../support/listing-blob.ts";
import { needs } from "../support/needs.ts";
import { type BaseWorld, type Built, builtBy, type Machine, moduleWheel } from "../support/registry-bases.ts";
import { remoteAt } from "../support/remotes.ts";
import "../support/in-memory.ts";

type Damage = {
  readonly name: string;
  /** Which project is built with it. */
  readonly project: "same" | "other" | "stage";
  readonly warns: string | undefined;
  /** The record in its place, with blobs that it names. */
  readonly record: (
    record: StagesRecord,
  ) => Promise<readonly [record: object, blobs?: readonly PushedBlob[]]>;
};

const UNREADABLE = "RECORD_UNREADABLE";
/** Files of commands have no other time, so that digests can be compared. */
const EPOCH = { SOURCE_DATE_EPOCH: "1700000000" };

describe.runIf(needs("docker-registry", "runc", "root"))("an unusable record of stages", () => {
  let debian: DebianWorld;
  let world: BaseWorld;
  let good: StagesRecord;
  let root: Descriptor;
  const expected = new Map<Damage["project"], string>();
  let counter = 0;
  const access = createRegistryAccess({ env: {}, emit: () => undefined });

  const files = (last: string, made = "echo made > /made") => ({
    "cambium.yaml": `from: ${debian.base}
python: { packages: [one] }
stages:
  made: { from: ${debian.base}, run: [${made}] }
steps:
  - copy: { from: /made, to: /made, stage: made }
  - run: cat /made > /ran
  - ${last}
`,
    "notes.txt": "notes\n",
  });
  const filesOf = {
    same: () => files("run: echo same > /last"),
    other: () => files("copy: notes.txt:/"),
    stage: () => files("run: echo same > /last", "echo made > /made, echo more >> /made"),
  };

  async function build(machine: Machine, name: Damage["project"], args: readonly string[]): Promise<Built> {
    const project = world.project(`${machine.store.split("/").at(-1)}-project`, filesOf[name]());
    const flags = ["--progress", "json", "--platform", "linux/amd64", "--default-index", world.index.url];
    return builtBy(await machine.run(["build", project, ...flags, ...args], { env: EPOCH }));
  }
  const referenceOf = (name: string) => parseReference(`${world.registry.address}/${name}`, "test");

  beforeAll(async () => {
    debian = await startDebianWorld([moduleWheel("one")]);
    world = debian.world;
    const tag = `${world.registry.address}/good:1`;
    const maker = world.machine("maker");
    for (const name of ["other", "stage"] as const) {
      expected.set(name, (await build(maker, name, [])).digest);
    }
    expected.set("same", (await build(maker, "same", ["-t", tag, "--push"])).digest);
    const { remote, head } = remoteAt(tag, access);
    const found = await readStagesRecord(remote, head, (event) => {
      throw new Error(JSON.stringify(event));
    });
    good = found!.record;
    root = (await openRepository(referenceOf("good:1"), access).manifest("1"))!.descriptor;
  });
  afterAll(async () => {
    await access.close();
    await debian?.[Symbol.asyncDispose]();
  });

  async function blobOf(descriptor: Descriptor): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of openRepository(referenceOf("good:1"), access).blob(descriptor))
      chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  const damages: readonly Damage[] = [
    {
      ...{ name: "an earlier format", project: "same", warns: UNREADABLE },
      record: async (record) => [{ ...record, version: 1 }],
    },
    {
      ...{ name: "other layout versions", project: "same", warns: UNREADABLE },
      record: async (record) => [{ ...record, layoutVersions: { ...record.layoutVersions, layer: 999 } }],
    },
    {
      ...{ name: "a lock that is none", project: "same", warns: UNREADABLE },
      record: async (record) => [{ ...record, lock: "[[" }],
    },
    {
      ...{ name: "what was told of another image", project: "same", warns: undefined },
      record: async (record) => {
        const result = { ...(record.images[0]!.result as object), digest: digestOf("other"), layers: [] };
        return [{ ...record, images: record.images.map((image) => ({ ...image, result })) }];
      },
    },
    {
      ...{ name: "a command's listing of another layer", project: "other", warns: UNREADABLE },
      record: async (record) => {
        const [first, second] = record.steps.flatMap(({ layer }) => layer ?? []);
        const swapped = record.steps.map(({ key, layer }) => {
          const { listing } = layer === first ? second! : first!;
          return { key, layer: { ...layer, listing } };
        });
        return [{ ...record, steps: swapped }];
      },
    },
    {
      ...{ name: "packages with a path that leads out", project: "other", warns: UNREADABLE },
      record: async (record) => {
        const segments = decodeSegments(await blobOf(record.layers[0]!.listing))!;
        const hostile = segments.map((segment) => ({
          ...segment,
          entries: segment.entries.map((entry) => ({ ...entry, path: `../../${entry.path}` })),
        }));
        const blob = listingBlob(encodeSegments(hostile));
        const layers = record.layers.map((layer) => ({ ...layer, listing: blob.descriptor }));
        return [{ ...record, layers }, [blob]];
      },
    },
    {
      ...{ name: "a listing that the registry lost", project: "other", warns: UNREADABLE },
      record: async (record) => {
        const listing = listingBlob(Buffer.from("lost")).descriptor;
        const bases = record.bases.map((base) => ({
          ...base,
          listings: base.listings.map((row) => ({ ...row, descriptor: listing })),
        }));
        return [{ ...record, bases }];
      },
    },
    {
      ...{ name: "a layer of a command that the registry does not have", project: "stage" },
      warns: "CACHE_UNREADABLE",
      record: async (record) => [{ ...record, absent: [] }],
    },
  ];

  test.for(damages)("$name: the image is right all the same", async ({ project, warns, record }) => {
    counter += 1;
    const tag = `damaged-${counter}:1`;
    const place = `${world.registry.address}/${tag}`;
    await build(world.machine("maker"), "same", ["-t", place, "--push"]);
    const [document, blobs = []] = await record(good);
    const repository = openRepository(referenceOf(tag), access, "push");
    const artifact = stagesArtifact(document as StagesRecord, [], root);
    await (await uploadRecord(repository, root.digest, artifact, blobs))();
    const built = await build(world.machine(`m-${counter}`), project, ["--cache-from", place]);
    expect({ digest: built.digest, warnings: [...new Set(built.warnings)] }).toEqual({
      digest: expected.get(project),
      warnings: warns === undefined ? [] : [warns],
    });
  });
});
