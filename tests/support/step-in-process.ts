import { join } from "node:path";
import { createEngine } from "../../src/engine/embedded/engine.ts";
import type { EngineMount } from "../../src/engine/embedded/step-mounts.ts";
import { openStore } from "../../src/store/store.ts";
import { NOTHING_WANTED } from "./engine-place.ts";
import { hostLayer } from "./host-layer.ts";

/**
 * A process of its own that builds one step in the store `argv[2]` by the script `argv[3]`, and prints what the step
 * prints and the layer's digest: for tests that kill it or run it as someone else.
 */
const [, , root, script] = process.argv;
const store = openStore(root!);
const { PATH = "", RUNTIME, OVERLAY, LENT } = process.env;
const engine = createEngine({
  ...{ store, searchPath: PATH },
  ...(RUNTIME === undefined ? {} : { runtime: RUNTIME }),
  ...(OVERLAY === "fuse" ? { overlay: "fuse" } : {}),
});
const cacheIn = (path: string) => join(path, "cache", "root");
/** One of each kind, with the folder `LENT`. */
const mountsOf = (path: string): EngineMount[] => [
  { type: "bind", source: { kind: "host", path }, target: "/in/ro", isReadOnly: true },
  { type: "bind", source: { kind: "host", path }, target: "/in/rw", isReadOnly: false },
  { type: "tmpfs", target: "/in/rw/tmp" },
  { type: "bind", source: { kind: "trees", trees, path: "/data" }, target: "/in/stage", isReadOnly: true },
  { type: "cache", folder: cacheIn(path), target: "/cache", isReadOnly: false },
  { type: "file", content: Buffer.from("secret\n"), target: "/run/secret", mode: 0o400, uid: 7, gid: 8 },
];
const trees = [await engine.treeOf(hostLayer(), [])];
if (LENT !== undefined) await engine.makeFolder(cacheIn(LENT), { owner: { mode: 0o700, uid: 7, gid: 8 } });
const step = await engine.runStep(
  {
    ...{
      trees,
      argv: ["/bin/sh", "-c", script!],
      env: ["PATH=/bin"],
      cwd: "/",
      user: LENT === undefined ? "" : "bob",
    },
    mounts: LENT === undefined ? [] : mountsOf(LENT),
    ...{ network: "none", security: "sandbox" },
  },
  (line) => process.stdout.write(`${line}\n`),
);
const captured = await step.capture({ wanted: NOTHING_WANTED, latestSec: 1 });
await step.remove();
engine.close();
store.close();
process.stdout.write(`${captured?.record.descriptor.digest}\n`);
