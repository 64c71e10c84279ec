import { linkSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseDigest } from "../src/layer/digest.ts";
import { formatBytes } from "../src/report/format.ts";
import { openStore } from "../src/store/store.ts";
import { environment, run } from "./command.ts";
import { emptyFolder, workFolder } from "./folders.ts";
import { type Arm, measureCommands } from "./harness.ts";
import { type Bench, type BenchResult, ratioFigure } from "./result.ts";
import { type LocalWheel, setS, torchCpu, wheelsOf } from "./wheel-sets.ts";

const BOUND = 5;

/** Wheel → segment and layer, against unpacking it and making a gzip'd tar of its files, both on one core. */
export const bench: Bench = { name: "transcode", needs: ["taskset"], run: transcode };

async function transcode(): Promise<BenchResult> {
  const inS = await wheelsOf(setS);
  const heavy = ["numpy", "pandas", "scipy"];
  const science = inS.filter(({ filename }) => heavy.some((name) => filename.startsWith(`${name}-`)));
  const torch = await wheelsOf(torchCpu);
  using work = workFolder("transcode");
  const [ours, theirs] = [
    await measureCommands(armsFor("numpy, pandas, scipy", science, work.path)),
    await measureCommands(armsFor("torch (CPU)", torch, work.path)),
  ];
  const sizes = [science, torch].map((wheels) =>
    formatBytes(wheels.reduce((sum, it) => sum + it.sizeBytes, 0)),
  );
  return {
    name: "transcode",
    title: "Transcoding on one core",
    notes: [
      `The wheels (${sizes[0]}; ${sizes[1]}) are on disk and in the page cache. Cambium: \`taskset -c 0\`, one thread, wheel → stored segment, digest, size and diff id of its layer, every CRC and size checked; the time is that of the whole process, Node's start included. Against it: \`taskset -c 0 sh -c "unzip -q …; tar -cf - . | gzip -6 > layer.tar.gz"\`, which checks the CRCs too but computes no digests.`,
    ],
    figures: [
      ratioFigure(
        "transcode numpy, pandas, scipy on one core, against unzip + tar + gzip -6",
        ours[0]!,
        ours[1]!,
        BOUND,
      ),
      ratioFigure(
        "transcode torch (CPU) on one core, against unzip + tar + gzip -6",
        theirs[0]!,
        theirs[1]!,
        BOUND,
      ),
    ],
    measurements: [...ours, ...theirs],
  };
}

function armsFor(what: string, wheels: readonly LocalWheel[], work: string): Arm[] {
  const env = environment(work);
  const script = fileURLToPath(new URL("transcode-wheels.ts", import.meta.url));
  const storeRoot = join(work, "store");
  const tree = join(work, "tree");
  const unzip = wheels.map(({ path }) => `unzip -q -o '${path}'`).join(" && ");
  return [
    {
      name: `Cambium: ${what}`,
      prepare() {
        emptyFolder(storeRoot);
        const store = openStore(storeRoot);
        for (const { path, sha256 } of wheels) {
          const blob = store.blobs.path(parseDigest(`sha256:${sha256}`, path));
          mkdirSync(dirname(blob), { recursive: true });
          linkSync(path, blob);
        }
        store.close();
      },
      run: () => {
        const args = wheels.map(({ filename, sha256 }) => `${filename}=${sha256}`);
        return run("taskset", ["-c", "0", process.execPath, script, storeRoot, ...args], { env });
      },
    },
    {
      name: `unzip + tar + gzip -6: ${what}`,
      prepare() {
        emptyFolder(tree);
      },
      run: () =>
        run("taskset", ["-c", "0", "sh", "-c", `${unzip} && tar -cf - . | gzip -6 > ../layer.tar.gz`], {
          env,
          cwd: tree,
        }),
    },
  ];
}
