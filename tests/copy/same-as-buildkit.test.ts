import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DigestCache } from "../../src/context/content-digest.ts";
import type { ContentSource } from "../../src/context/content-source.ts";
import { contextSource } from "../../src/context/context-source.ts";
import { walkContext } from "../../src/context/walk.ts";
import { BASE_FILES } from "../../src/ecosystems/read-base.ts";
import type { FileSource } from "../../src/graph/stages.ts";
import { mergeListings } from "../../src/image/merge-listings.ts";
import { readLayer } from "../../src/image/read-layer.ts";
import { composedLayer, describeLayer } from "../../src/layer/describe.ts";
import { CONSTANT_MTIME } from "../../src/layer/entry.ts";
import type { LayerListing } from "../../src/layer/listing.ts";
import { layersSource } from "../../src/solve/sources/layers-source.ts";
import { accountsOf, copyLayer, copyStep } from "../../src/solve/steps/copy-step.ts";
import { startBuildKit, type TestBuildKit } from "../support/buildkit.ts";
import { copyBench } from "../support/copy-bench.ts";
import { startFaultyServer } from "../support/faulty-server.ts";
import { wholeLinesOfTree } from "../support/found-tree.ts";
import { layerFromTar } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { CASES, type CopyCase, dockerfileOf, type Places, stepOf } from "./cases.ts";
import { BASE_TAR, DATA, SRC_TAR, startGit, writeContext } from "./places.ts";

const NO_CACHE: DigestCache = { get: () => undefined, put: () => undefined };

describe.runIf(needs("buildkitd", "buildctl", "runc", "git", "xz", "bzip2", "root"))("COPY and ADD", () => {
  const folder = temporaryFolder();
  const context = folder.at("context");
  let buildKit: TestBuildKit;
  let server: Awaited<ReturnType<typeof startFaultyServer>>;
  let git: Awaited<ReturnType<typeof startGit>>;
  let places: Places;
  let base: LayerListing;

  beforeAll(async () => {
    writeContext(context);
    base = await readLayer(layerFromTar(BASE_TAR), BASE_FILES);
    buildKit = await startBuildKit();
    git = await startGit();
    server = await startFaultyServer();
    server.serve("/files/data.txt", DATA);
    server.serve("/", DATA);
    server.serve("/plain.tar", readFileSync(`${context}/plain.tar`));
    places = { httpUrl: server.url.replace(/\/$/, ""), gitUrl: git.url };
  });

  afterAll(async () => {
    await buildKit?.[Symbol.asyncDispose]();
    await git?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  /** The stage's tree by BuildKit. */
  async function byBuildKit(one: CopyCase): Promise<string[]> {
    writeFileSync(`${context}/Dockerfile`, dockerfileOf(one, places));
    const dest = folder.at("out.tar");
    await buildKit.buildFolder(context, ["--output", `type=tar,dest=${dest}`]);
    const listing = await readLayer(layerFromTar(readFileSync(dest)), BASE_FILES);
    return wholeLinesOfTree(mergeListings([listing], "BuildKit"));
  }

  async function byUs(one: CopyCase): Promise<string[]> {
    await using bench = copyBench();
    const below = one.base === "scratch" ? [] : [base];
    const tree = below.length === 0 ? undefined : mergeListings(below, "base");
    const sources = async (from: FileSource): Promise<ContentSource> => {
      if (from.kind === "context") {
        return contextSource(await walkContext(context, { ignoreFiles: ["dockerignore"] }), NO_CACHE);
      }
      const layer = layerFromTar(SRC_TAR);
      const chunks: Uint8Array[] = [];
      for await (const chunk of layer.compressed()) chunks.push(chunk);
      bench.store.blobs.put(Buffer.concat(chunks));
      return layersSource([layer], "stage src", bench);
    };
    const step = stepOf(one, places);
    const input = { sources, below: tree, accounts: accountsOf(tree), mtimeSec: CONSTANT_MTIME };
    const segment = await copyStep(step, input, bench);
    const { plan } = copyLayer(step, segment, tree);
    const record = await describeLayer(plan, bench.store.blobs, one.name);
    const listing = await readLayer(composedLayer(plan, record, bench.store.blobs), BASE_FILES);
    return wholeLinesOfTree(mergeListings([...below, listing], "ours"));
  }

  test.for(CASES.map((one) => [one.name, one] as const))("%s", async ([, one]) => {
    if (one.isRefused) {
      await expect(byBuildKit(one)).rejects.toThrow(/failed to solve/);
      await expect(byUs(one)).rejects.toMatchObject({ name: "CambiumError" });
    } else {
      const theirs = await byBuildKit(one);
      expect(await byUs(one).catch(String)).toEqual(theirs);
    }
  });
});
