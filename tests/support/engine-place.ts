import { mkdirSync, readFileSync } from "node:fs";
import type { Captured, CaptureOptions } from "../../src/engine/embedded/capture.ts";
import { createEngine, type Engine } from "../../src/engine/embedded/engine.ts";
import type { StepEnd, StepRequest } from "../../src/engine/embedded/run-step.ts";
import { decompressed } from "../../src/image/decompress.ts";
import type { Layer } from "../../src/layer/layer.ts";
import { readTar } from "../../src/layer/read-tar.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { storedLayer } from "../../src/store/stored-layer.ts";
import { hostLayer } from "./host-layer.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export const NOTHING_WANTED = { id: "nothing", keep: () => undefined };

export type Stepped = StepEnd & {
  readonly stdout: string;
  readonly stderr: string;
  readonly captured: Captured | undefined;
  /** Paths of the layer, as `<type letter> <path>[ -> target]`. */
  readonly lines: readonly string[];
};

export type EnginePlace = Disposable & {
  readonly store: Store;
  readonly engine: Engine;
  readonly path: string;
  /** Layers of which the next step sees all. */
  readonly layers: Layer[];
  /** `sh -c script` above `layers`; a layer that it makes is put there. */
  sh(script: string, request?: Partial<StepRequest>, options?: Partial<CaptureOptions>): Promise<Stepped>;
  trees(): Promise<string[]>;
};

/** A store of its own with an engine, and the host's small programs as the first layer. */
export function enginePlace(
  options: { readonly root?: string; readonly runtime?: string; readonly layers?: readonly Layer[] } = {},
): EnginePlace {
  const folder = temporaryFolder();
  const root = options.root ?? folder.at("store");
  mkdirSync(root, { recursive: true });
  const store = openStore(root);
  const { runtime } = options;
  const engine = createEngine({
    store,
    searchPath: process.env.PATH ?? "",
    ...(runtime === undefined ? {} : { runtime }),
  });
  const layers = [...(options.layers ?? [hostLayer()])];
  const place: EnginePlace = {
    store,
    engine,
    path: root,
    layers,
    async trees() {
      const names: string[] = [];
      for (const layer of layers) names.push(await engine.treeOf(layer, names));
      return names;
    },
    async sh(script, request = {}, captureOptions = {}) {
      const out = { stdout: "", stderr: "" };
      const step = await engine.runStep(
        {
          trees: await place.trees(),
          argv: ["/bin/sh", "-c", script],
          env: ["PATH=/bin"],
          cwd: "/",
          user: "",
          network: "none",
          security: "sandbox",
          mounts: [],
          ...request,
        },
        (line, stream) => {
          out[stream] += `${line}\n`;
        },
      );
      try {
        const captured = await step.capture({ wanted: NOTHING_WANTED, ...captureOptions });
        const lines: string[] = [];
        if (captured !== undefined) {
          const layer = storedLayer(store, captured.record);
          layers.push(layer);
          const tar = decompressed(layer.compressed(), "gzip", "test");
          for await (const entry of readTar(tar, "test", { hasRawNames: true })) {
            const target = entry.target === undefined ? "" : ` -> ${entry.target}`;
            lines.push(`${entry.type[0]} ${entry.path}${target}`);
          }
        }
        return { exitCode: step.exitCode, lastLines: step.lastLines, ...out, captured, lines };
      } finally {
        await step.remove();
      }
    },
    [Symbol.dispose]() {
      engine.close();
      store.close();
      folder[Symbol.dispose]();
    },
  };
  return place;
}

/** Mount points of this machine below a folder. */
export function mountsBelow(folder: string): string[] {
  const points = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return points.filter((line) => (line.split(" ")[4] ?? "").startsWith(folder));
}
