import { join } from "node:path";
import { newLayerBytes, type Ran } from "./command.ts";
import { copyStore, workFolder } from "./folders.ts";
import { type Arm, type Measurement, measureCommands } from "./harness.ts";
import { build, command, copyOfProject, openSite, type Site, writeProject } from "./project.ts";
import { type Bench, type BenchResult, type Figure, sizeFigure, timeFigure } from "./result.ts";
import { requirementsS, setS } from "./wheel-sets.ts";

const LOCKED_MS = 500;
const UNLOCKED_MS = 1200;
const NEW_BYTES = 1_000_000;

/** One small package more in a project that was built before. */
export const bench: Bench = { name: "add-one", run: addOne };

async function addOne(): Promise<BenchResult> {
  using work = workFolder("add-one");
  await using site = await openSite(work.path, [setS.name]);
  const results: { figures: Figure[]; measurements: Measurement[] }[] = [];
  for (const added of ["six==1.17.0", "colorama==0.4.6"]) {
    const bounds = { lockedMs: LOCKED_MS, unlockedMs: UNLOCKED_MS, newBytes: NEW_BYTES };
    results.push(await addTo(site, "S", requirementsS, added, bounds));
  }
  return {
    name: "add-one",
    title: "One small package more",
    notes: [
      "A store in which S was built, and the project with one line more. Locked: `cambium build --locked` with a `cambium.lock` that was made elsewhere. Unlocked: `cambium build`, which lets uv resolve with the earlier choices as preferences. Both download, transcode and describe; new bytes are those of layers that the image before had not, so a bucket that is made anew counts whole.",
    ],
    figures: results.flatMap(({ figures }) => figures),
    measurements: results.flatMap(({ measurements }) => measurements),
  };
}

export type Bounds = { readonly lockedMs: number; readonly unlockedMs: number; readonly newBytes: number };

/** Times both ways of adding `added` to a project that was built in a copy of the prepared store. */
export async function addTo(
  site: Site,
  set: string,
  requirements: readonly string[],
  added: string,
  bounds: Bounds,
  builtStore?: string,
): Promise<{ figures: Figure[]; measurements: Measurement[] }> {
  const label = added.replace(/=.*/, "");
  const project = writeProject(join(site.path, "project"), requirements);
  const store = join(site.path, "store");
  let built = builtStore;
  if (built === undefined) {
    built = join(site.path, "built-store");
    await copyStore(site.preparedStore, built);
  }
  const before = await build(site, "bundle", project, built);
  // A lock from another machine: made with a store that knows nothing of this one.
  const lockedProject = writeProject(join(site.path, "locked-project"), [...requirements, added]);
  const elsewhere = join(site.path, "elsewhere");
  await copyStore(site.preparedStore, elsewhere);
  await command(site, "bundle", ["lock", lockedProject], elsewhere);

  let last: Ran | undefined;
  const arm = (name: string, args: readonly string[], change: () => void): Arm => ({
    name,
    async prepare() {
      await copyStore(built, store);
      writeProject(project, requirements);
      change();
    },
    async run() {
      last = await build(site, "bundle", project, store, { args });
      return last;
    },
  });
  const measurements = await measureCommands([
    arm(`${set} + ${label}, locked`, ["--locked"], () => copyOfProject(lockedProject, project)),
    arm(`${set} + ${label}, unlocked`, [], () => {
      writeProject(project, [...requirements, added]);
    }),
  ]);
  const bytes = newLayerBytes(before, last!);
  return {
    figures: [
      timeFigure(`${set} + ${label}, locked`, measurements[0]!, bounds.lockedMs),
      timeFigure(`${set} + ${label}, unlocked`, measurements[1]!, bounds.unlockedMs),
      sizeFigure(`${set} + ${label}: bytes of new layers`, bytes, bounds.newBytes),
    ],
    measurements,
  };
}
