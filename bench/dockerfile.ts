import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startBuildKit, type TestBuildKit } from "../tests/support/buildkit.ts";
import { startDockerRegistry } from "../tests/support/docker-registry.ts";
import { startPythonIndex } from "../tests/support/python-index.ts";
import { copyStore, emptyFolder, workFolder } from "./folders.ts";
import { type Arm, type Measurement, measureCommands } from "./harness.ts";
import { writeFiles, writePipProject } from "./pip-project.ts";
import { build, openSite, type Site } from "./project.ts";
import { type Bench, type BenchResult, shareFigure, timeFigure } from "./result.ts";
import { requirementsS, setS, wheelsOf } from "./wheel-sets.ts";

const NO_OP_MS = 150;
const CONTEXT_MS = 1000;
const FOLDERS = 500;
const FILES_OF_FOLDER = 100;
const STEPS = 20;

/** The same Dockerfiles built by Cambium and by BuildKit's own frontend, on one base in one registry. */
export const benches: readonly Bench[] = [
  benchOf("dockerfile-no-op", noOp),
  benchOf("dockerfile-context", largeContext),
  benchOf("dockerfile-empty-run", emptyRun),
  benchOf("dockerfile-pip", pipLine),
];

type Place = {
  readonly work: string;
  readonly registry: string;
  /** Reference of a Debian with Python. */
  readonly base: string;
  /** `cambium build` of a folder. */
  readonly cambium: (folder: string, args?: readonly string[]) => Promise<unknown>;
  readonly buildKit: TestBuildKit;
};

const note =
  "BuildKit 0.32.2 with runc and overlayfs, its daemon running; Cambium's bundle, which has none. Both build the same folder on the same base, which both have; neither exports, unless said. In turns in one run.";

function benchOf(name: string, bench: (place: Place) => Promise<BenchResult>): Bench {
  const needs = ["root", "buildkitd", "runc", "docker-registry"];
  return { name, needs, run: () => withPlace(name, bench) };
}

async function withPlace(name: string, bench: (place: Place) => Promise<BenchResult>): Promise<BenchResult> {
  using work = workFolder(name);
  await using site = await openSite(work.path, []);
  await using registry = await startDockerRegistry();
  await using buildKit = await startBuildKit();
  const store = join(work.path, "store");
  await copyStore(site.preparedStore, store);
  const base = `${registry.address}/base:1`;
  await pushBase(site, join(work.path, "base"), base);
  return await bench({
    ...{ work: work.path, registry: registry.address, base, buildKit },
    cambium: (folder, args = []) => build(site, "bundle", folder, store, { args }),
  });
}

export async function pushBase(site: Site, folder: string, reference: string): Promise<void> {
  const store = join(folder, "store");
  await copyStore(site.preparedStore, store);
  const project = emptyFolder(join(folder, "project"));
  writeFileSync(join(project, "cambium.yaml"), "debian: bookworm\ncmd: [python3]\n");
  await build(site, "bundle", project, store, { args: ["-t", reference, "--push"] });
}

/** Arms of both sides on one folder; `change` makes a round's build what it is, once for each side. */
function arms(
  { cambium, buildKit }: Place,
  name: string,
  folder: string,
  options: {
    readonly change?: (round: number) => void;
    readonly args?: (round: number) => readonly [cambium: readonly string[], buildKit: readonly string[]];
  } = {},
): [Arm, Arm] {
  const argsOf = (round: number) => options.args?.(round) ?? [[], []];
  const prepare = (round: number) => options.change?.(round);
  return [
    {
      name: `${name}, Cambium`,
      prepare,
      run: async (round) => {
        await cambium(folder, argsOf(round)[0]);
      },
    },
    {
      name: `${name}, BuildKit`,
      prepare,
      run: async (round) => {
        await buildKit.buildFolder(folder, argsOf(round)[1]);
      },
    },
  ];
}

/** As people write it. Without a package to install: what is timed changes nothing anyway. */
const ordinary = (base: string) => `FROM ${base} AS build
WORKDIR /build
COPY requirements.txt .
RUN python3 -m venv --without-pip /opt/venv && cp requirements.txt /opt/venv
FROM ${base}
ENV PATH="/opt/venv/bin:$PATH"
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY . .
RUN python3 -m compileall -q app.py
CMD ["python", "app.py"]
`;

async function noOp(place: Place): Promise<BenchResult> {
  const folder = writeFiles(join(place.work, "project"), {
    Dockerfile: ordinary(place.base),
    "requirements.txt": `${requirementsS.join("\n")}\n`,
    "app.py": 'print("hello")\n',
  });
  const measurements = await measureCommands(arms(place, "no-op", folder), { rounds: 11 });
  const [own, peer] = measurements as [Measurement, Measurement];
  return {
    name: "dockerfile-no-op",
    title: "Dockerfile that changes nothing",
    notes: [note, "Two stages, two RUNs, three COPYs, all built before."],
    figures: [
      timeFigure("Dockerfile, nothing changed", own, NO_OP_MS),
      shareFigure("of BuildKit's time for it", own, peer),
    ],
    measurements,
  };
}

async function largeContext(place: Place): Promise<BenchResult> {
  const files = Object.fromEntries(
    Array.from({ length: FOLDERS * FILES_OF_FOLDER }, (_, at) => {
      const path = `src/part-${Math.floor(at / FILES_OF_FOLDER)}/module-${at % FILES_OF_FOLDER}.py`;
      return [path, `number = ${at}\n`];
    }),
  );
  const folder = writeFiles(join(place.work, "project"), {
    ...files,
    Dockerfile: `FROM ${place.base}\nWORKDIR /app\nCOPY . .\nRUN ls src | wc -l > count\n`,
    ".dockerignore": "**/__pycache__\n*.log\n.git\nnode_modules\n!keep.log\n",
  });
  // One after the other: a file that the arms of the second had changed would be a change for those of the first.
  const still = await measureCommands(arms(place, "no-op, 50,000 files", folder), { rounds: 5 });
  const one = await measureCommands(
    arms(place, "one file of 50,000 changed", folder, {
      change: (round) => writeFileSync(join(folder, "src/part-7/module-7.py"), `round = ${round}\n`),
    }),
    { rounds: 5 },
  );
  const [own, peer] = still as [Measurement, Measurement];
  const [changed, peerChanged] = one as [Measurement, Measurement];
  return {
    name: "dockerfile-context",
    title: "Dockerfile with a context of 50,000 files",
    notes: [
      note,
      `${FOLDERS} folders of ${FILES_OF_FOLDER} files, five lines in .dockerignore, COPY of all of it, a RUN above.`,
    ],
    figures: [
      timeFigure("50,000 files in the context, nothing changed", own, CONTEXT_MS),
      shareFigure("of BuildKit's time for it", own, peer),
      timeFigure("50,000 files in the context, one changed", changed),
      shareFigure("of BuildKit's time for it", changed, peerChanged),
    ],
    measurements: [...still, ...one],
  };
}

async function emptyRun(place: Place): Promise<BenchResult> {
  const steps = Array.from({ length: STEPS }, (_, at) => `RUN true ${at}\n`).join("");
  const folder = writeFiles(join(place.work, "project"), {
    Dockerfile: `FROM ${place.base}\nARG ROUND\n${steps}`,
  });
  const measurements = await measureCommands(
    arms(place, `${STEPS} empty RUNs`, folder, {
      args: (round) => [
        ["--build-arg", `ROUND=${round}`],
        ["--opt", `build-arg:ROUND=${round}`],
      ],
    }),
    { rounds: 5 },
  );
  const [own, peer] = measurements as [Measurement, Measurement];
  return {
    name: "dockerfile-empty-run",
    title: "Empty RUN",
    notes: [
      note,
      `${STEPS} × \`RUN true N\`, run again because an ARG before them has another value. The time is that of the whole command: one step's share is a ${STEPS}th of it at most.`,
    ],
    figures: [
      timeFigure(`${STEPS} empty RUNs`, own),
      shareFigure("an empty RUN, of BuildKit's time for it", own, peer, 1.5),
    ],
    measurements,
  };
}

/** Everybody's line, with pip in the image as everybody's base has it. */
async function pipLine(place: Place): Promise<BenchResult> {
  const wheels = (await wheelsOf(setS)).map(({ filename, path }) => ({
    filename,
    bytes: readFileSync(path),
  }));
  await using index = await startPythonIndex(wheels, { isCacheable: true });
  const folder = await writePipProject(join(place.work, "project"), {
    base: place.base,
    indexUrl: index.url,
  });
  const write = (round: number) =>
    writeFileSync(join(folder, "requirements.txt"), `# round ${round}\n${requirementsS.join("\n")}\n`);
  const tag = (who: string) => `${place.registry}/${who}:1`;
  const measurements = await measureCommands(
    arms(place, "pip line after a comment", folder, {
      change: write,
      args: () => [
        ["-t", tag("ours"), "--push"],
        ["--output", `type=image,name=${tag("theirs")},push=true`],
      ],
    }),
    { rounds: 3 },
  );
  const [own, peer] = measurements as [Measurement, Measurement];
  return {
    name: "dockerfile-pip",
    title: "pip install with a cache mount, after a comment in the requirements",
    notes: [
      note,
      "`RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt` with set S, built before (the round that is not counted downloads); then a comment is added. Both push. pip makes bytecode, as it does by default.",
    ],
    figures: [
      timeFigure("pip line of S after a comment, with push", own),
      shareFigure("of BuildKit's time for it", own, peer, 1),
    ],
    measurements,
  };
}
