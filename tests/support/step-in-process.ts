import { createEngine } from "../../src/engine/embedded/engine.ts";
import { openStore } from "../../src/store/store.ts";
import { NOTHING_WANTED } from "./engine-place.ts";
import { hostLayer } from "./host-layer.ts";

/**
 * A process of its own that builds one step in the store `argv[2]` by the script `argv[3]`, and prints the layer's digest:
 * for tests that kill it.
 */
const [, , root, script] = process.argv;
const store = openStore(root!);
const engine = createEngine({ store, searchPath: process.env.PATH ?? "" });
const trees = [await engine.treeOf(hostLayer(), [])];
const step = await engine.runStep(
  {
    ...{ trees, argv: ["/bin/sh", "-c", script!], env: ["PATH=/bin"], cwd: "/", user: "", mounts: [] },
    ...{ network: "none", security: "sandbox" },
  },
  () => undefined,
);
const captured = await step.capture({ wanted: NOTHING_WANTED, latestSec: 1 });
await step.remove();
engine.close();
store.close();
process.stdout.write(`${captured?.record.descriptor.digest}\n`);
