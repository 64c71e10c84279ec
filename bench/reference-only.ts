import { join } from "node:path";
import { copyStore, emptyFolder, workFolder } from "./folders.ts";
import { measureCommands } from "./harness.ts";
import { build, openSite, writeProject } from "./project.ts";
import { type Bench, type BenchResult, sizeFigure, timeFigure } from "./result.ts";
import { requirementsS, setS } from "./wheel-sets.ts";

const ROUNDS = 5;
const BOUND_MS = 500;

/** A machine that has nothing but a folder cache, and wants to know what image the project is. */
export const bench: Bench = { name: "caches-reference-only", run: referenceOnly };

async function referenceOnly(): Promise<BenchResult> {
  using work = workFolder("caches-reference-only");
  await using site = await openSite(work.path, [setS.name]);
  const project = writeProject(join(work.path, "project"), requirementsS);
  const cache = join(work.path, "cache");
  const maker = join(work.path, "maker");
  await copyStore(site.preparedStore, maker);
  await build(site, "bundle", project, maker, { args: ["--cache-to", cache] });
  const downloaded: number[] = [];
  const [fresh] = await measureCommands(
    [
      {
        name: "S, empty store",
        run: async (round) => {
          const output = `type=oci,dest=${join(work.path, `image-${round}`)},reference-only=true`;
          const store = emptyFolder(join(work.path, `store-${round}`));
          const ran = await build(site, "bundle", project, store, {
            args: ["--cache-from", cache, "-o", output],
          });
          downloaded.push(bytesDownloaded(ran.stderr));
        },
      },
    ],
    { rounds: ROUNDS },
  );
  return {
    name: "caches-reference-only",
    title: "S from an empty store, a folder cache, and no registry",
    notes: [
      "Set S on computed Debian, exported to a folder by another store. Each build has an empty store and that folder, and writes an image layout without layers (`reference-only=true`).",
    ],
    figures: [
      timeFigure("S, empty store and a folder: whole, reference only", fresh!, BOUND_MS),
      sizeFigure("bytes of packages that were read for it", Math.max(...downloaded)),
    ],
    measurements: [fresh!],
  };
}

/** As the closing event says. */
function bytesDownloaded(stderr: string): number {
  const summary = stderr.split("\n").find((line) => line.includes('"type":"summary"')) ?? "";
  const { downloads } = JSON.parse(summary) as { readonly downloads: { readonly bytes: number } };
  return downloads.bytes;
}
