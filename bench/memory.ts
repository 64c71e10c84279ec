import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatBytes } from "../src/report/format.ts";
import { workFolder } from "./folders.ts";
import { type Arm, measureCommands } from "./harness.ts";
import { incompressibleWheel } from "./incompressible-wheel.ts";
import { build, freshStore, openSite, type Site, writeProject } from "./project.ts";
import { type Bench, type BenchResult, memoryFigure, timeFigure } from "./result.ts";
import { type LocalWheel, torchCuda, wheelsOf } from "./wheel-sets.ts";

const BOUND = 512 * 2 ** 20;
const ROUNDS = 3;

/** How much memory a build takes whose one package is very large. */
export const bench: Bench = { name: "memory", run: memory };

async function memory(): Promise<BenchResult> {
  const [torch] = await wheelsOf(torchCuda);
  const made = await incompressibleWheel();
  using work = workFolder("memory");
  await using site = await openSite(work.path, [torchCuda.name]);
  const measurements = await measureCommands(
    [
      arm(site, `torch with CUDA (${formatBytes(torch!.sizeBytes)})`, torch!, indexUrl(site, torch!)),
      arm(
        site,
        `one member that does not compress (${formatBytes(made.sizeBytes)})`,
        made,
        `file://${made.path}`,
      ),
    ],
    { rounds: ROUNDS, warmsUp: false },
  );
  return {
    name: "memory",
    title: "Memory while a very large wheel is transcoded",
    notes: [
      `\`cambium build\` of a project whose \`pylock.toml\` names that one wheel, download (torch: from the loopback index; the other: a file), transcoding in worker threads, and writing the image layout included. \`VmHWM\` of the process, which has all its threads, looked up every 20 ms; the most of ${ROUNDS} rounds counts. The second wheel is made here: 1,000,000,000 random bytes in one member, since no wheel of that size was at hand.`,
    ],
    figures: [
      ...measurements.map((it) => memoryFigure(`peak RSS, ${it.name}`, it.peakRssBytes, BOUND)),
      ...measurements.map((it) => timeFigure(`time for it, ${it.name}`, it)),
    ],
    measurements,
  };
}

function indexUrl(site: Site, { filename }: LocalWheel): string {
  return new URL(`../files/${filename}`, site.indexUrl).href;
}

function arm(site: Site, name: string, wheel: LocalWheel, url: string): Arm {
  const project = writeProject(join(site.path, "large-project"), []);
  const store = join(site.path, "store");
  const layout = join(site.path, "layout");
  return {
    name,
    async prepare() {
      writeProject(project, []);
      writeFileSync(join(project, "pylock.toml"), pylock(wheel, url));
      await freshStore(site, store);
    },
    run: () =>
      build(site, "bundle", project, store, { watchMemory: true, args: ["-o", `type=oci,dest=${layout}`] }),
  };
}

/** A lock of one file without its dependencies (packaging.python.org, pylock.toml). */
function pylock({ filename, sizeBytes, sha256 }: LocalWheel, url: string): string {
  const [name = "", version = ""] = filename.split("-");
  return `lock-version = "1.0"
created-by = "bench"
requires-python = ">=3.11"

[[packages]]
name = "${name.toLowerCase().replaceAll("_", "-")}"
version = "${version}"

[[packages.wheels]]
name = "${filename}"
url = "${url}"
size = ${sizeBytes}
hashes = { sha256 = "${sha256}" }
`;
}
