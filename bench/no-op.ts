import { join } from "node:path";
import { cambium, type Program, type Ran, run } from "./command.ts";
import { copyStore, workFolder } from "./folders.ts";
import { type Arm, measureCommands } from "./harness.ts";
import { build, command, openSite, writeProject } from "./project.ts";
import { type Bench, type BenchResult, timeFigure } from "./result.ts";
import { requirementsS, setS } from "./wheel-sets.ts";

const BOUND_MS = 150;
const ROUNDS = 11;

/** A build that changes nothing: the whole process, and what of it is Node's. */
export const bench: Bench = { name: "no-op", run: noOp };

async function noOp(): Promise<BenchResult> {
  using work = workFolder("no-op");
  await using site = await openSite(work.path, [setS.name]);
  const project = writeProject(join(work.path, "project"), requirementsS);
  const locked = writeProject(join(work.path, "locked"), requirementsS);
  const store = join(work.path, "store");
  await copyStore(site.preparedStore, store);
  await command(site, "bundle", ["lock", locked], store);
  for (const program of ["bundle", "source"] as const)
    for (const folder of [project, locked]) await build(site, program, folder, store);

  const noOpArm = (program: Program, folder: string, name: string): Arm => ({
    name,
    run: () => build(site, program, folder, store),
  });
  const plainArm = (program: Program, name: string, args: string[]): Arm => ({
    name,
    run: (): Promise<Ran> => {
      const [node, all] = cambium(program, args);
      return run(node, all, { env: { ...site.env, CAMBIUM_ROOT: store } });
    },
  });
  const measurements = await measureCommands(
    [
      noOpArm("bundle", project, "build, nothing changed (bundle)"),
      noOpArm("bundle", locked, "build with cambium.lock, nothing changed (bundle)"),
      noOpArm("source", project, "build, nothing changed (source)"),
      plainArm("bundle", "--help (bundle)", ["--help"]),
      plainArm("source", "--help (source)", ["--help"]),
      { name: "node -e 0", run: () => run(process.execPath, ["-e", "0"], { env: site.env }) },
    ],
    { rounds: ROUNDS },
  );
  const [bundle, withLock, source, help, sourceHelp, node] = measurements;
  return {
    name: "no-op",
    title: "No-op build of S",
    notes: [
      "Whole processes, started by Node's `spawn`. The bundle is what `npm install cambium` gives; the source is what `bin/cambium` runs in a checkout (TypeScript stripped at start, kept in the compile cache). `node -e 0` is the floor.",
    ],
    figures: [
      timeFigure("no-op build of S, bundle", bundle!, BOUND_MS),
      timeFigure("no-op build of S with cambium.lock, bundle", withLock!, BOUND_MS),
      timeFigure("no-op build of S, source", source!, BOUND_MS),
      timeFigure("of which: `--help`, bundle", help!),
      timeFigure("of which: `--help`, source", sourceHelp!),
      timeFigure("of which: Node alone", node!),
    ],
    measurements,
  };
}
