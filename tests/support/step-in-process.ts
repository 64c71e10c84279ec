import { createEngine } from "../../src/engine/embedded/engine.ts";
import { openStore } from "../../src/store/store.ts";
import { NOTHING_WANTED } from "./engine-place.ts";
import { hostLayer } from "./host-layer.ts";

/**
 * A process of its own that builds one step in the store `argv[2]` by the script `argv[3]`, and prints what the step
 * prints and the layer's digest: for tests that kill it or run it as someone else.
 */
const [, , root, script] = process.argv;
const store = openStore(root!);
const { PATH = "", RUNTIME, OVERLAY } = process.env;
const engine = createEngine({
  ...{ store, searchPath: PATH },
  ...(RUNTIME === undefined ? {} : { runtime: RUNTIME }),
  ...(OVERLAY === "fuse" ? { overlay: "fuse" } : {}),
});
const trees = [await engine.treeOf(hostLayer(), [])];
const step = await engine.runStep(
  {
    ...{ trees, argv: ["/bin/sh", "-c", script!], env: ["PATH=/bin"], cwd: "/", user: "", mounts: [] },
    ...{ network: "none", security: "sandbox" },
  },
  (line) => process.stdout.write(`${line}\n`),
);
const captured = await step.capture({ wanted: NOTHING_WANTED, latestSec: 1 });
await step.remove();
engine.close();
store.close();
process.stdout.write(`${captured?.record.descriptor.digest}\n`);
