/**
 * `node bench/transcode-wheels.ts STORE WHEEL…`: wheels that are blobs of the store (given as `FILENAME=HEX`) become
 * segments and described layers, one after another in this thread, by the very jobs that a build gives its threads.
 */
import { parseDigest } from "../src/layer/digest.ts";
import { runJob } from "../src/solve/jobs.ts";
import { openStore } from "../src/store/store.ts";

const [root = "", ...wheels] = process.argv.slice(2);
const store = openStore(root);
for (const wheel of wheels) {
  const [filename = "", hex = ""] = wheel.split("=");
  const archive = parseDigest(`sha256:${hex}`, wheel);
  const { layer } = await runJob({ kind: "wheel", archive, filename, describeAbove: -1 }, store);
  console.log(filename, layer?.record.descriptor.digest);
}
store.close();
