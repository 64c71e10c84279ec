import { join } from "node:path";
import { formatBytes } from "../src/report/format.ts";
import { environment, type Ran, run } from "./command.ts";
import { emptyFolder, workFolder } from "./folders.ts";
import { type Arm, measureCommands } from "./harness.ts";
import { build, freshStore, openSite, type Site, writeProject } from "./project.ts";
import { pipFolder, pipVersion, python } from "./python.ts";
import { type Bench, type BenchResult, ratioFigure, timeFigure } from "./result.ts";
import { requirementsS, setS, wheelsOf } from "./wheel-sets.ts";

const BOUND = 3;

/** A project's first build, against what one does without such a tool. */
export const bench: Bench = { name: "cold", run: cold };

async function cold(): Promise<BenchResult> {
  const sizeBytes = (await wheelsOf(setS)).reduce((sum, it) => sum + it.sizeBytes, 0);
  using work = workFolder("cold");
  await using site = await openSite(work.path, [setS.name]);
  const project = writeProject(join(work.path, "project"), requirementsS);
  const local = await measureCommands([
    await cambiumArm(site, project, "Cambium, image layout", { isLayout: true }),
    await cambiumArm(site, project, "Cambium, kept in the store", {}),
    await cambiumArm(site, project, "Cambium, image layout, empty store", { isLayout: true, isEmpty: true }),
    await pipArm(site, project, "pip + tar + gzip -6", site.env),
  ]);
  const users = environment(site.path);
  const real = await measureCommands(
    [
      await cambiumArm(site, project, "Cambium, image layout, the user's own index", {
        isLayout: true,
        env: users,
      }),
      await pipArm(site, project, "pip + tar + gzip -6, the user's own index", users),
    ],
    { rounds: 1, warmsUp: false },
  );
  const [layout, kept, empty, pip] = local;
  return {
    name: "cold",
    title: "Cold build of S",
    notes: [
      `S is ${requirementsS.join(", ")} and what they need: ${formatBytes(sizeBytes)} of wheels from an index on loopback that shares the machine's cores. Cambium resolves, downloads with digests checked and synced to disk, transcodes, and writes an image layout **with the Debian base in it** (the first arm is the one that is judged). "Kept in the store" leaves the layers as recipes. The store has the base, uv and a compile cache, nothing of S; "empty store" has nothing at all, and also fetches uv by pip and computes the base from a mirror on loopback.`,
      `pip: \`python -m venv --without-pip\`, pip ${pipVersion} \`install --no-compile --no-cache-dir\`, \`tar -cf - venv | gzip -6\`; no base, no digests, no sync. Neither side makes bytecode. The rows with the user's own index are one run each: the network decides.`,
    ],
    figures: [
      ratioFigure("cold S as an image layout, against pip + tar + gzip -6", layout!, pip!, BOUND),
      ratioFigure("cold S kept in the store, against the same", kept!, pip!, BOUND),
      ratioFigure("cold S with an empty store (base and uv too), against the same", empty!, pip!),
      ratioFigure("cold S from the user's own index, against the same", real[0]!, real[1]!, BOUND),
      timeFigure("cold S as an image layout", layout!, 5000),
    ],
    measurements: [...local, ...real],
  };
}

type CambiumOptions = {
  readonly isLayout?: boolean;
  readonly isEmpty?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
};

export async function cambiumArm(
  site: Site,
  project: string,
  name: string,
  options: CambiumOptions,
): Promise<Arm> {
  const store = join(site.path, "cold-store");
  const layout = join(site.path, "cold-layout");
  const args = options.isLayout === true ? ["-o", `type=oci,dest=${layout}`] : [];
  return {
    name,
    async prepare() {
      emptyFolder(layout);
      if (options.isEmpty === true) emptyFolder(store);
      else await freshStore(site, store);
    },
    run: () => build(site, "bundle", project, store, { args, ...(options.env && { env: options.env }) }),
  };
}

export async function pipArm(
  site: Site,
  project: string,
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Arm> {
  const { executable } = await python();
  const pip = await pipFolder();
  const folder = join(site.path, "pip");
  const install = "venv/bin/python -m pip install --quiet --no-compile --no-cache-dir --only-binary :all:";
  const steps = [
    `'${executable}' -m venv --without-pip venv`,
    `PYTHONPATH='${pip}' ${install} -r '${join(project, "requirements.txt")}'`,
    "tar -cf - venv | gzip -6 > layer.tar.gz",
  ];
  return {
    name,
    prepare() {
      emptyFolder(folder);
    },
    run: (): Promise<Ran> => run("sh", ["-c", steps.join(" && ")], { env, cwd: folder }),
  };
}
