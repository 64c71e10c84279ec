import { join } from "node:path";
import { formatBytes } from "../src/report/format.ts";
import { addTo } from "./add-one.ts";
import { environment } from "./command.ts";
import { emptyFolder, workFolder } from "./folders.ts";
import { measureCommands } from "./harness.ts";
import { build, freshStore, openSite, writeProject } from "./project.ts";
import { type Bench, type BenchResult, memoryFigure, timeFigure } from "./result.ts";
import { requirementsH, setH, wheelsOf } from "./wheel-sets.ts";

const COLD_MS = 75_000;
const ADD_BOUNDS = { lockedMs: 1000, unlockedMs: 2500, newBytes: 1_000_000 };
const ROUNDS = 3;

/** Several gigabytes of CUDA wheels: cold, and with one package more. */
export const bench: Bench = { name: "heavy", run: heavy };

async function heavy(): Promise<BenchResult> {
  const wheels = await wheelsOf(setH);
  const sizeBytes = wheels.reduce((sum, it) => sum + it.sizeBytes, 0);
  using work = workFolder("heavy");
  await using site = await openSite(work.path, [setH.name]);
  const project = writeProject(join(work.path, "cold-project"), requirementsH);
  const store = join(work.path, "cold-store");
  const layout = join(work.path, "cold-layout");
  const prepare = async () => {
    emptyFolder(layout);
    await freshStore(site, store);
  };
  const args = ["-o", `type=oci,dest=${layout}`];
  const users = environment(work.path);
  const [real] = await measureCommands(
    [
      {
        name: "H, the user's own index",
        prepare,
        run: () => build(site, "bundle", project, store, { watchMemory: true, env: users }),
      },
    ],
    { rounds: 1, warmsUp: false },
  );
  const [kept, written] = await measureCommands(
    [
      {
        name: "H, kept in the store",
        prepare,
        run: () => build(site, "bundle", project, store, { watchMemory: true }),
      },
      {
        name: "H, image layout",
        prepare,
        run: () => build(site, "bundle", project, store, { watchMemory: true, args }),
      },
    ],
    { rounds: ROUNDS, warmsUp: false },
  );
  emptyFolder(layout);
  const added = await addTo(site, "H", requirementsH, "colorama==0.4.6", ADD_BOUNDS, store);
  return {
    name: "heavy",
    title: "Set H: torch, tensorflow and transformers with CUDA",
    notes: [
      `H is ${requirementsH.join(", ")} and what they need: ${wheels.length - 1} wheels, ${formatBytes(sizeBytes)}. The store has the base and uv, nothing of H. The loopback index reads the wheels from disk and shares the two cores; ${ROUNDS} rounds each, and one from the user's own index. "Image layout" also writes every layer as a file.`,
      "The package that is added is colorama, because astunparse, which tensorflow needs, brings six into H already.",
    ],
    figures: [
      timeFigure("cold H kept in the store, loopback index", kept!, COLD_MS),
      timeFigure("cold H as an image layout, loopback index", written!, COLD_MS),
      timeFigure("cold H kept in the store, the user's own index", real!, COLD_MS),
      ...[kept!, written!, real!].map((it) =>
        memoryFigure(`peak RSS, ${it.name}`, it.peakRssBytes, 512 * 2 ** 20),
      ),
      ...added.figures,
    ],
    measurements: [real!, kept!, written!, ...added.measurements],
  };
}
