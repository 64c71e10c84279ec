import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEngine, type Engine } from "../../src/engine/embedded/engine.ts";
import type { StageGraph } from "../../src/graph/stages.ts";
import { type Digest, parseDigest } from "../../src/layer/digest.ts";
import type { Segment } from "../../src/layer/segment.ts";
import { describeLayers, planLayers, type TierGroups } from "../../src/solve/image-layers.ts";
import { packageContents, recordsOf, type StackBase } from "../../src/solve/steps/stage-layers.ts";
import { type PlannedStack, planStages } from "../../src/solve/steps/stage-planner.ts";
import { solveStages } from "../../src/solve/steps/stage-solver.ts";
import type { Workbench } from "../../src/solve/workbench.ts";
import { WorkerPool } from "../../src/solve/worker-pool.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { loadImageSet } from "../../src/store/stored-image.ts";
import { compositionSegments } from "../../src/store/stored-layer.ts";
import { AMD64 } from "../support/images.ts";
import { needs } from "../support/needs.ts";
import { type StepsWorld, startStepsWorld } from "./steps-world.ts";
import "../support/in-memory.ts";

/** Says in a folder of its own how often it ran. */
const COUNTED = "echo ran >> /count/runs; ls / > /seen";
const NOTHING = { env: [], labels: {}, exposedPorts: [], volumes: [], onBuild: [], emptyHistory: [] };

function graphOf(): StageGraph {
  const run = {
    ...({
      op: "run",
      line: 1,
      text: COUNTED,
      cwd: "/",
      user: "",
      network: "none",
      security: "sandbox",
    } as const),
    argv: ["/bin/sh", "-c", COUNTED],
    env: [["PATH", "/usr/bin"]] as const,
    scripts: [],
    mounts: [{ type: "cache", target: "/count", id: "count", isReadOnly: false } as const],
  };
  const stage = { name: "image", platform: AMD64, base: { kind: "packages", set: "0" } as const };
  return { stages: [{ ...stage, steps: [run], config: NOTHING }], target: 0, proxies: [] };
}

describe.runIf(needs("docker-registry", "runc", "root"))("a command above packages", () => {
  let steps: StepsWorld;
  let store: Store;
  let bench: Workbench;
  let made: Digest;
  beforeAll(async () => {
    steps = await startStepsWorld();
    const yaml = "debian: bookworm\nrun: echo made > /made\n";
    const built = await steps.build(steps.project("made", { "cambium.yaml": yaml, "a.txt": "a\n" }));
    made = parseDigest(built.digest, "test");
    store = openStore(steps.store);
    bench = {
      ...({ store, pool: new WorkerPool(store, 2), lease: store.lease(), emit: () => undefined } as const),
      ...{ signal: new AbortController().signal, env: {}, isForgetful: false },
      ...{
        describedLayers: new Set<Digest>(),
        openBases: new Map(),
        openContexts: new Map(),
        brokenPlaces: new Set<string>(),
      },
    } as unknown as Workbench;
  });
  afterAll(async () => {
    bench?.lease.release();
    await bench?.pool.close();
    store?.close();
    await steps?.[Symbol.asyncDispose]();
  });

  /** The segments of the image that was made, Debian's apart from those that no package ships. */
  function segments(): { readonly debian: readonly Segment[]; readonly base: readonly Segment[] } {
    const { layers } = loadImageSet(store, made)!.images[0]!;
    const all = layers.flatMap(({ descriptor }) => compositionSegments(store, descriptor.digest) ?? []);
    const isDebian = ({ recipe }: Segment) => recipe.ecosystem === "debian";
    return { debian: all.filter(isDebian), base: all.filter((segment) => !isDebian(segment)) };
  }

  async function stackOf(tiers: readonly TierGroups[]): Promise<StackBase> {
    const described = await describeLayers(planLayers(tiers).layers, bench);
    const layers = described.map(({ layer: { descriptor, diffId } }) => ({ descriptor, diffId }));
    const ids = described.flatMap((layer) => layer.segments.map(({ id }) => id));
    return { config: { rootfs: {} } as never, layers, contents: packageContents([], ids) };
  }

  function settings() {
    const lent = {
      secrets: new Map(),
      sshSockets: new Map(),
      env: {},
      project: "test",
      aptSources: () => [],
    };
    return {
      ...{ context: { root: steps.world.at("made") }, contexts: new Map(), lent },
      ...({ network: "none", allowsInsecure: false } as const),
    };
  }

  async function withEngine<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    const engine = createEngine({ store, searchPath: process.env.PATH ?? "" });
    try {
      return await work(engine);
    } finally {
      engine.close();
    }
  }

  function solve(stack: StackBase) {
    return withEngine(async (engine) => {
      const packages = async () => stack;
      const solved = await solveStages(graphOf(), { ...settings(), packages }, engine, bench);
      return { own: recordsOf(solved).at(-1)!.descriptor.digest, below: recordsOf(solved).length };
    });
  }

  function plan(stack: PlannedStack | undefined) {
    return withEngine((engine) =>
      planStages(graphOf(), { ...settings(), plannedPackages: () => stack }, engine, bench),
    );
  }

  const runs = () => {
    const [file] = globSync("mounts-v1/*/root/runs", { cwd: steps.store });
    return readFileSync(join(steps.store, file!), "utf8").split("\n").length - 1;
  };

  test("does not run again when they are grouped into other layers, and does when one is gone", async () => {
    const { debian, base } = segments();
    const group = (name: string, members: readonly Segment[]) => ({ name, members });
    const half = debian.length >> 1;
    const together = await solve(await stackOf([[group("all", debian)], [group("base", base)]]));
    expect(runs()).toBe(1);
    const halves = [group("one", debian.slice(0, half)), group("two", debian.slice(half))];
    const apart = await solve(await stackOf([halves, [group("base", base)]]));
    expect(apart).toEqual({ own: together.own, below: together.below + 1 });
    expect(runs()).toBe(1);

    const without = debian.filter(({ name }) => !name.startsWith("tzdata "));
    expect(without).toHaveLength(debian.length - 1);
    const other = await stackOf([[group("all", without)], [group("base", base)]]);
    expect(await plan({ stack: other, isComposed: true })).toEqual([[{ state: "miss" }]]);
    expect(runs()).toBe(1);
    await solve(other);
    expect(runs()).toBe(2);
  });

  test("is planned as known on any grouping of the same packages, also before there are layers", async () => {
    const { debian, base } = segments();
    const stack = await stackOf([[{ name: "everything", members: [...debian, ...base] }]]);
    await solve(stack);
    const ran = runs();
    const apart = debian.map((segment) => ({ name: segment.name, members: [segment] }));
    const regrouped = await stackOf([apart, [{ name: "base", members: base }]]);
    expect(await plan({ stack: regrouped, isComposed: true })).toEqual([[{ state: "hit" }]]);
    const planned = { stack: { ...regrouped, layers: [] }, isComposed: false };
    expect(await plan(planned)).toEqual([[{ state: "hit" }]]);
    expect(await plan(undefined)).toEqual([[{ state: "miss", cause: "packages below it are not here yet" }]]);
    expect(runs()).toBe(ran);
  });
});
