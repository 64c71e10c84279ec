import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProcess } from "../scripts/process.ts";
import { startBuildKit } from "../tests/support/buildkit.ts";
import { startDockerRegistry, type TestRegistry } from "../tests/support/docker-registry.ts";
import { startPythonIndex } from "../tests/support/python-index.ts";
import { pushBase } from "./dockerfile.ts";
import { emptyFolder, settleDisk, workFolder } from "./folders.ts";
import { type Measurement, measurementOf } from "./harness.ts";
import { writePipProject } from "./pip-project.ts";
import { build, openSite, type Site } from "./project.ts";
import { type Bench, type BenchResult, type Figure, marginFigure, sizeFigure } from "./result.ts";
import { requirementsS, setS, wheelsOf } from "./wheel-sets.ts";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const MARGIN_MS = 150;

/** What happens to a cache, in the order in which it does; each on the state that the one before left. */
const ROWS = [
  "cold, with export",
  "unchanged, with export",
  "fresh machine",
  "fresh, one file",
  "fresh, RUN changed",
] as const;
type Row = (typeof ROWS)[number];
type Kind = "registry" | "folder";
type Side = "Cambium" | "BuildKit";

/** BuildKit's caches against ours, on one Dockerfile: `type=registry,mode=max` and `type=local`. */
export const benches: readonly Bench[] = (["registry", "folder"] as const).map((kind) => ({
  name: `caches-${kind}`,
  needs: ["root", "buildkitd", "runc", "docker-registry"],
  run: () => compare(kind),
}));

/** A machine that knows nothing when it begins. */
type Machine = AsyncDisposable & {
  build(project: string, cache: "export" | "import"): Promise<void>;
};

type Place = {
  readonly kind: Kind;
  readonly site: Site;
  readonly work: string;
  readonly registry: TestRegistry;
  /** Of the cache. */
  readonly folder: string;
};

async function compare(kind: Kind): Promise<BenchResult> {
  using work = workFolder(`caches-${kind}`);
  await using site = await openSite(work.path, []);
  const wheels = (await wheelsOf(setS)).map(({ filename, path }) => ({
    filename,
    bytes: readFileSync(path),
  }));
  await using index = await startPythonIndex(wheels, { isCacheable: true });
  const times = new Map<string, number[]>();
  const bytes = new Map<string, number>();
  for (let round = 1; round <= ROUNDS; round++) {
    const sides: readonly Side[] = round % 2 === 0 ? ["Cambium", "BuildKit"] : ["BuildKit", "Cambium"];
    for (const side of sides)
      await oneSide(side, round, { kind, site, work: work.path }, index.url, times, bytes);
  }
  const of = (row: Row, side: Side): Measurement =>
    measurementOf(`${row}, ${side}`, times.get(`${row} ${side}`) ?? []);
  const figures: Figure[] = ROWS.map((row) =>
    marginFigure(row, of(row, "Cambium"), of(row, "BuildKit"), MARGIN_MS),
  );
  for (const side of ["Cambium", "BuildKit"] as const) {
    figures.push(sizeFigure(`the cache after the first build, ${side}`, bytes.get(`cold ${side}`) ?? 0));
    figures.push(sizeFigure(`what the unchanged export added, ${side}`, bytes.get(`again ${side}`) ?? 0));
  }
  return {
    name: `caches-${kind}`,
    title: `Caches that travel, through a ${kind}`,
    notes: [
      `BuildKit 0.32.2 with runc and overlayfs, \`--export-cache type=${kind === "folder" ? "local" : "registry"},mode=max\`; Cambium \`--cache-to\`. The same Dockerfile on the same base: \`pip install -r requirements.txt\` of set S with a cache mount, then COPY of one file. All push the image. A fresh machine has an empty store or a new daemon, and only imports. "RUN changed" is a comment in the requirements: the command runs again; BuildKit's cache mount is empty then, Cambium's came along. Registry and index on loopback.`,
    ],
    figures,
    measurements: ROWS.flatMap((row) => [of(row, "Cambium"), of(row, "BuildKit")]),
  };
}

async function oneSide(
  side: Side,
  round: number,
  { kind, site, work }: Pick<Place, "kind" | "site" | "work">,
  indexUrl: string,
  times: Map<string, number[]>,
  bytes: Map<string, number>,
): Promise<void> {
  const own = emptyFolder(join(work, `${side}-${round}`));
  await using registry = await startDockerRegistry();
  const base = `${registry.address}/base:1`;
  await pushBase(site, join(own, "base"), base);
  const project = await writePipProject(
    join(own, "project"),
    { base, indexUrl },
    'COPY app.py .\nCMD ["python", "app.py"]\n',
  );
  const write = (comment: string, app: string) => {
    writeFileSync(join(project, "requirements.txt"), `# ${comment}\n${requirementsS.join("\n")}\n`);
    writeFileSync(join(project, "app.py"), app);
  };
  const place: Place = { kind, site, work: own, registry, folder: join(own, "cache") };
  let count = 0;
  const newMachine = () => (side === "Cambium" ? cambium(place, count++) : buildKit(place, count++));
  const timed = async (row: Row, machine: Machine, cache: "export" | "import") => {
    await settleDisk();
    const startedMs = performance.now();
    await machine.build(project, cache);
    const elapsedMs = performance.now() - startedMs;
    console.error(`  round ${round} ${row}, ${side}: ${(elapsedMs / 1000).toFixed(3)} s`);
    const all = times.get(`${row} ${side}`) ?? [];
    times.set(`${row} ${side}`, [...all, elapsedMs]);
  };
  const size = () => sizeOf(kind === "folder" ? place.folder : registry.storage);
  write("first", "print(1)\n");
  const before = kind === "folder" ? 0 : await size();
  {
    await using machine = await newMachine();
    await timed(ROWS[0], machine, "export");
    const cold = await size();
    bytes.set(`cold ${side}`, cold - before);
    await timed(ROWS[1], machine, "export");
    bytes.set(`again ${side}`, (await size()) - cold);
  }
  for (const [row, comment, app] of [
    [ROWS[2], "first", "print(1)\n"],
    [ROWS[3], "first", "print(2)\n"],
    [ROWS[4], "another", "print(1)\n"],
  ] as const) {
    write(comment, app);
    await using machine = await newMachine();
    await timed(row, machine, "import");
  }
}

/** Nothing of a machine goes before the bench ends: ext4 looks past what was removed in the last minutes, in all that is written next. */
async function cambium({ kind, site, work, registry, folder }: Place, count: number): Promise<Machine> {
  const store = emptyFolder(join(work, `store-${count}`));
  const cache = kind === "folder" ? folder : `${registry.address}/cache:1`;
  return {
    build: async (project, how) => {
      const args = [
        "-t",
        `${registry.address}/app:1`,
        "--push",
        how === "export" ? "--cache-to" : "--cache-from",
        cache,
      ];
      await build(site, "bundle", project, store, { args });
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function buildKit({ kind, work, registry, folder }: Place, count: number): Promise<Machine> {
  const daemon = await startBuildKit(join(work, `daemon-${count}`));
  const place =
    kind === "folder"
      ? { export: `type=local,dest=${folder},mode=max`, import: `type=local,src=${folder}` }
      : {
          export: `type=registry,ref=${registry.address}/cache:1,mode=max`,
          import: `type=registry,ref=${registry.address}/cache:1`,
        };
  return {
    build: async (project, how) => {
      const output = `type=image,name=${registry.address}/app:1,push=true`;
      await daemon.buildFolder(project, ["--output", output, `--${how}-cache`, place[how]]);
    },
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}

async function sizeOf(folder: string): Promise<number> {
  const { stdout } = await runProcess("du", ["--summarize", "--block-size=1", folder]);
  return Number(stdout.split("\t")[0]);
}
