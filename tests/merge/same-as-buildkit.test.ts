import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { imageSet } from "../../src/image/image.ts";
import { mergeListings } from "../../src/image/merge-listings.ts";
import { readLayer } from "../../src/image/read-layer.ts";
import { parseReference } from "../../src/image/reference.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { pushImage } from "../../src/registry/push.ts";
import { startBuildKit, type TestBuildKit } from "../support/buildkit.ts";
import { startDockerRegistry, type TestRegistry } from "../support/docker-registry.ts";
import { NOTHING_WANTED } from "../support/engine-place.ts";
import { wholeLinesOfTree } from "../support/found-tree.ts";
import { imageOf } from "../support/images.ts";
import { layerFromTar, layerOf } from "../support/layers.ts";
import { definitionOf, type Llb } from "../support/llb.ts";
import { needs } from "../support/needs.ts";
import { merge, type StageSketch, stageBench } from "../support/stage-bench.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { CASES, type Meeting, type MergeCase } from "./cases.ts";

describe.runIf(needs("buildkitd", "buildctl", "runc", "docker-registry", "root"))("merge and diff", () => {
  const folder = temporaryFolder();
  const access = createRegistryAccess({ env: {}, emit: () => undefined });
  let buildKit: TestBuildKit;
  let registry: TestRegistry;

  beforeAll(async () => {
    buildKit = await startBuildKit();
    registry = await startDockerRegistry();
  });
  afterAll(async () => {
    await access.close();
    await registry?.[Symbol.asyncDispose]();
    await buildKit?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  async function byBuildKit({ images, meeting }: MergeCase, name: string): Promise<string[]> {
    const references: string[] = [];
    for (const [number, layers] of images.entries()) {
      const reference = `${registry.address}/${name}:${number}`;
      const set = imageSet([imageOf(layers.map((entries) => layerOf(...entries)))]);
      await pushImage(set, parseReference(reference, "test"), access);
      references.push(reference);
    }
    const dest = folder.at(`${name}.tar`);
    const llbOf = (one: Meeting): Llb => {
      if (typeof one === "number") return { image: references[one]! };
      return "merge" in one
        ? { merge: one.merge.map(llbOf) }
        : { diff: [llbOf(one.diff[0]), llbOf(one.diff[1])] };
    };
    await buildKit.solve(definitionOf(llbOf(meeting)), `type=tar,dest=${dest}`);
    const listing = await readLayer(layerFromTar(readFileSync(dest)), NOTHING_WANTED);
    return wholeLinesOfTree(mergeListings([listing], "BuildKit"));
  }

  async function byUs({ images, meeting }: MergeCase): Promise<string[]> {
    await using place = stageBench();
    const stages: Record<string, StageSketch> = {};
    const add = (sketch: StageSketch): number => {
      stages[`s${Object.keys(stages).length}`] = sketch;
      return Object.keys(stages).length - 1;
    };
    for (const layers of images) add({ base: await place.image(...layers) });
    const stageOf = (one: Meeting): number => {
      if (typeof one === "number") return one;
      if ("merge" in one) return add({ steps: [merge(...one.merge.map(stageOf))] });
      const [lower, upper] = one.diff.map(stageOf);
      return add({ base: { kind: "diff", lower: lower!, upper: upper! } });
    };
    stageOf(meeting);
    const { layers } = await place.solve(stages);
    return wholeLinesOfTree(await place.tree(layers));
  }

  test.for(CASES.map((one, number) => [one.name, one, number] as const))("%s", async ([, one, number]) => {
    const [theirs, ours] = [await byBuildKit(one, `case${number}`), await byUs(one)];
    const differs = one.differs ?? {};
    const isListed = (line: string) => line.slice(0, line.indexOf(" ")) in differs;
    expect(ours.filter((line) => !isListed(line))).toEqual(theirs.filter((line) => !isListed(line)));
    // What is listed must truly differ.
    const unlike = [...ours, ...theirs].filter((line) => ours.includes(line) !== theirs.includes(line));
    expect([...new Set(unlike.map((line) => line.slice(0, line.indexOf(" "))))].sort()).toEqual(
      Object.keys(differs).sort(),
    );
  });
});
