import { writeFile } from "node:fs/promises";
import { createEngine } from "../../src/engine/embedded/engine.ts";
import type { Stage, StageBase, StageGraph, Step } from "../../src/graph/stages.ts";
import type { ImageTree } from "../../src/image/image-tree.ts";
import { mergeListings } from "../../src/image/merge-listings.ts";
import { readLayer } from "../../src/image/read-layer.ts";
import { type Digest, digestOf } from "../../src/layer/digest.ts";
import type { Layer } from "../../src/layer/layer.ts";
import type { LayerListing, WantedFiles } from "../../src/layer/listing.ts";
import type { RegistryAccess } from "../../src/registry/access.ts";
import { lazyLayer } from "../../src/solve/lazy-layers.ts";
import { recordsOf, type StageLayers } from "../../src/solve/steps/stage-layers.ts";
import { solveStages } from "../../src/solve/steps/stage-solver.ts";
import type { Workbench } from "../../src/solve/workbench.ts";
import { WorkerPool } from "../../src/solve/worker-pool.ts";
import { copyBench } from "./copy-bench.ts";
import { NOTHING_WANTED } from "./engine-place.ts";
import { AMD64 } from "./images.ts";
import { type HandMade, layerOf } from "./layers.ts";
import { treeOf } from "./tree.ts";

export type StageSketch = { readonly base?: StageBase; readonly steps?: readonly Step[] };

export type StageBench = AsyncDisposable & {
  readonly bench: Workbench;
  /** An image of such layers, as one of a registry that was looked up before. */
  image(...layers: (readonly HandMade[])[]): Promise<StageBase>;
  imageOf(...layers: readonly Layer[]): Promise<StageBase>;
  /** Of named stages the last is solved; the warnings come along. */
  solve(stages: Readonly<Record<string, StageSketch>>): Promise<{
    readonly layers: StageLayers;
    readonly warnings: readonly string[];
    /** Steps that were not known, the reading of base layers apart. */
    readonly made: readonly string[];
  }>;
  /** What the bytes of the layers come to. */
  tree(layers: StageLayers): Promise<ImageTree>;
  listings(layers: StageLayers, wanted?: WantedFiles): Promise<LayerListing[]>;
};

/** Solves stages that are written by hand, in a store of its own. `registries`: absent, no image is fetched. */
export function stageBench(registries?: RegistryAccess): StageBench {
  const small = copyBench();
  const pool = new WorkerPool(small.store, 2);
  const context = treeOf({ "a.txt": "a" });
  const events: Parameters<Workbench["emit"]>[0][] = [];
  const bench: Workbench = {
    ...small,
    ...{
      pool,
      isForgetful: false,
      describedLayers: new Set<Digest>(),
      openBases: new Map(),
      openContexts: new Map(),
      brokenPlaces: new Set<string>(),
    },
    ...(registries !== undefined && { registries }),
    emit: (event) => events.push(event),
  };
  const { store } = bench;
  const engine = createEngine({ store, searchPath: process.env.PATH ?? "" });
  const listings = async (at: StageLayers, wanted: WantedFiles = NOTHING_WANTED) => {
    const read: LayerListing[] = [];
    for (const record of recordsOf(at)) read.push(await readLayer(lazyLayer(record, bench), wanted));
    return read;
  };
  const place: StageBench = {
    bench,
    image: (...layers) => place.imageOf(...layers.map((entries) => layerOf(...entries))),
    async imageOf(...layers) {
      for (const layer of layers) {
        const path = store.blobs.temporary();
        await writeFile(path, layer.compressed());
        store.blobs.adopt(path, layer.descriptor.digest);
      }
      const records = layers.map(({ descriptor, diffId }) => ({ descriptor, diffId }));
      const digest = digestOf(JSON.stringify(records));
      store.records.put("base", digest, { digest, config: {}, layers: records });
      return { kind: "image", reference: "test.invalid/base", digest };
    },
    async solve(sketches) {
      events.length = 0;
      const stages = Object.entries(sketches).map(([name, { base, steps }]): Stage => {
        const config = { env: [], labels: {}, exposedPorts: [], volumes: [], onBuild: [], emptyHistory: [] };
        return { name, platform: AMD64, base: base ?? { kind: "scratch" }, steps: steps ?? [], config };
      });
      const graph: StageGraph = { stages, target: stages.length - 1, proxies: [] };
      const none = { secrets: new Map(), sshSockets: new Map(), env: {}, aptSources: () => [] };
      const lent = { ...none, project: "test" };
      const settings = {
        ...{ context: { root: context.path }, contexts: new Map(), lent },
        ...({ network: "none", allowsInsecure: false } as const),
      };
      const layers = await solveStages(graph, settings, engine, bench);
      return {
        layers,
        warnings: events.flatMap((event) =>
          event.type === "warning" ? [`${event.code}: ${event.message}`] : [],
        ),
        made: events.flatMap((event) =>
          event.type === "step-done" && event.outcome === "done" && !event.id.startsWith("base ")
            ? [event.id]
            : [],
        ),
      };
    },
    tree: async (at) => mergeListings(await listings(at), "test"),
    listings,
    async [Symbol.asyncDispose]() {
      engine.close();
      await pool.close();
      context[Symbol.dispose]();
      await small[Symbol.asyncDispose]();
    },
  };
  return place;
}

/** A step that lays stages of these numbers. */
export function merge(...stages: number[]): Step {
  return { op: "merge", stages, line: 1, text: "merge" };
}
