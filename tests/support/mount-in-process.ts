import { Mounts } from "../../src/store/mounts.ts";
import { mountPlace, USE } from "../mounts/mount-place.ts";
import { hostLayer } from "./host-layer.ts";

/**
 * A process of its own that restores a mount from the image layout `argv[3]` into the store `argv[2]`, lets a step write
 * there, writes a snapshot into the layout `argv[4]`, and prints what it packed: for tests that run it as someone else.
 */
const [, , root, from, to] = process.argv;
using place = mountPlace(root!);
const folder = await place.restore(from!);
const trees = [await place.engine.treeOf(hostLayer(), [])];
const step = await place.engine.runStep(
  {
    ...{
      trees,
      argv: ["/bin/sh", "-c", "echo mine > /c/closed/mine; chown bob /c/closed/mine"],
      env: ["PATH=/bin"],
    },
    ...{ cwd: "/", user: "", network: "none", security: "sandbox" },
    mounts: [{ type: "cache", folder, target: "/c", isReadOnly: false }],
  },
  (line) => process.stdout.write(`${line}\n`),
);
await step.remove();
const [{ name } = { name: "" }] = new Mounts(place.store).list();
const { packed, snapshot } = await place.snapshot(name);
await place.publish(snapshot, to!);
const again = await place.snapshot(name);
process.stdout.write(`${USE.id} ${packed?.kind} ${snapshot.layers.length} ${again.packed?.kind}\n`);
