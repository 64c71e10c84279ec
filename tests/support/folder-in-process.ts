import { existsSync } from "node:fs";
import { join } from "node:path";
import { createEngine } from "../../src/engine/embedded/engine.ts";
import { openStore } from "../../src/store/store.ts";
import { hostLayer } from "./host-layer.ts";
import { layerOf } from "./layers.ts";

/**
 * A process of its own that makes folders for steps in the store `argv[2]`, lets steps write there as other accounts,
 * measures and discards them, and prints what it sees: for tests that run it as someone else.
 */
const [, , root] = process.argv;
const store = openStore(root!);
const { PATH = "", OVERLAY } = process.env;
const engine = createEngine({
  ...{ store, searchPath: PATH },
  ...(OVERLAY === "fuse" ? { overlay: "fuse" } : {}),
});
const folder = join(root!, "mounts-v1", "home", "root");
const trees = [await engine.treeOf(hostLayer(), [])];
const lower = await engine.treeOf(
  layerOf(
    { path: "seed", directory: true, mode: 0o750 },
    { path: "seed/kept", file: "kept\n", mode: 0o4755 },
    { path: "seed/gone", file: "gone\n" },
  ),
  [],
);
const upper = await engine.treeOf(layerOf({ path: "seed/.wh.gone", file: "" }), [lower]);
const seed = { trees: [lower, upper], path: "seed" };

async function run(user: string, script: string): Promise<void> {
  const step = await engine.runStep(
    {
      ...{ trees, argv: ["/bin/sh", "-c", script], env: ["PATH=/bin"], cwd: "/", user },
      ...{ network: "none", security: "sandbox" },
      mounts: [{ type: "cache", folder, target: "/c", isReadOnly: false }],
    },
    (line) => process.stdout.write(`${line}\n`),
  );
  await step.remove();
}

await engine.makeFolder(folder, { owner: { mode: 0o700, uid: 7, gid: 8 } });
await run("", "stat -c '%a %u:%g' /c; ls -A /c");
await engine.makeFolder(folder, { seed });
await run("", "stat -c '%n %a %u:%g' /c /c/*");
await engine.discardFolder(folder);
await engine.makeFolder(folder, { seed, owner: { mode: 0o700, uid: 7, gid: 8 } });
await run(
  "bob",
  "stat -c '%n %a %u:%g' /c /c/*; dd if=/dev/zero of=/c/big bs=1M count=2 2>/dev/null; chmod 0 /c/big",
);
const sizes = await engine.sizesOnDisk([folder, join(root!, "missing")]);
process.stdout.write(`${[...sizes.values()].map((bytes) => Math.floor(bytes / 2 ** 20)).join()} MiB\n`);
await engine.discardFolder(folder);
process.stdout.write(`${existsSync(join(root!, "mounts-v1", "home"))}\n`);
engine.close();
store.close();
