import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startBuildKit, type TestBuildKit } from "../tests/support/buildkit.ts";
import { startDockerRegistry, type TestRegistry } from "../tests/support/docker-registry.ts";
import type { Sides } from "./comparison.ts";
import { measureImport } from "./first-import.ts";
import { copyStore, emptyFolder, workFolder } from "./folders.ts";
import { type Arm, type Measurement, measureCommands } from "./harness.ts";
import { type Peer, writePeer } from "./peers.ts";
import { build, command, openSite, type Site } from "./project.ts";
import type { Bench, BenchResult } from "./result.ts";
import { type Row, type RowGroup, rowGroups } from "./rows.ts";

const ROUNDS = 3;

/** DESIGN §7: whole builds with push, against a Dockerfile with pip and one with uv and a cache mount. */
export const benches: readonly Bench[] = rowGroups.map((group) => ({
  name: group.name,
  needs: ["root", "buildkitd", "runc", "docker-registry", "skopeo", "umoci", "uv"],
  run: () => compare(group),
}));

type Place = {
  readonly group: RowGroup;
  readonly site: Site;
  readonly work: string;
  /** Builds the bases, so that no arm's store has seen them. */
  readonly basesStore: string;
  /** Times of first imports as they come, by side. */
  readonly imports: Map<keyof Sides, Measurement>;
};

const notes = [
  "BuildKit 0.32.2 with runc and overlayfs, docker-registry and the package index on loopback; the same prebuilt base in the registry for all; installers lie beside the project, so nobody installs an installer. Each arm has a registry and a daemon or store of its own, and is gone when the next one starts. A fresh machine of BuildKit's imports a registry cache (`mode=max`) that the first build exported, and exports none itself; Cambium's asks the build record beside the tag, and pushes one with a changed image. Its store has uv and the base's listing only where the machine is warm; a cold one has uv and uv's knowledge of the index, as the other arms' contexts have it.",
  "Locked: before the clock starts, a machine that knows nothing of this one has written `cambium.lock` for what is built, and `cambium build --locked` is timed. The peers' Dockerfiles know no lock: they are measured once, and that measurement stands in both rows. H has six already, by astunparse, which tensorflow needs; the rows with colorama add a package that H lacks, beside the peers' same run with six.",
  "No side makes bytecode, but in the row that says so all do: pip by default, uv with `--compile-bytecode`, Cambium with `--bytecode`. First import: `python -c` with an import of all that the set names, in a container from the image that each side pushed for the cold row, with `PYTHONDONTWRITEBYTECODE=1`; umoci unpacks all images and runc runs them, start and end of the container included. The other rows' images have the same files but for the package that is added, so the set's figures stand beside each.",
];

async function compare(group: RowGroup): Promise<BenchResult> {
  using work = workFolder(group.name);
  await using site = await openSite(work.path, [group.set.wheels.name]);
  const basesStore = join(work.path, "bases-store");
  await copyStore(site.preparedStore, basesStore);
  const imports: Place["imports"] = new Map();
  await using places = new AsyncDisposableStack();
  const place: Place = { group, site, work: work.path, basesStore, imports };
  const arms = [
    ...group.rows.map((row) => cambiumArm(row, place, places)),
    peerArm("uv", place, places),
    peerArm("pip", place, places),
  ];
  const measurements = await measureCommands(arms, { rounds: ROUNDS, warmsUp: false });
  const [uv, pip] = measurements.slice(group.rows.length);
  const rows = group.rows.map(({ name }, at) => ({ name, own: measurements[at]!, pip: pip!, uv: uv! }));
  return {
    name: group.name,
    title: "Whole builds with push",
    notes,
    figures: [],
    measurements: [...measurements, ...imports.values()],
    comparison: {
      set: group.set.name,
      rows,
      ...(group.timesImport === true ? { imports: sidesOf(imports) } : {}),
    },
  };
}

function sidesOf(imports: Place["imports"]): Sides {
  const of = (side: keyof Sides): Measurement => {
    const found = imports.get(side);
    if (found === undefined) throw new Error(`nobody timed the first import of ${side}`);
    return found;
  };
  return { own: of("own"), pip: of("pip"), uv: of("uv") };
}

/** Times the first import in what an arm has pushed, once. */
async function timeImport(side: keyof Sides, arm: string, registry: TestRegistry, place: Place) {
  const { group, imports, work } = place;
  if (group.timesImport !== true || imports.has(side)) return;
  const folder = emptyFolder(join(work, "import"));
  const name = `first import, ${arm}`;
  imports.set(side, await measureImport(name, `${registry.address}/app:1`, group.set.imports, folder));
}

/** A registry with both bases in it. */
async function registryWithBases({ site, basesStore }: Place, folder: string) {
  const registry = await startDockerRegistry();
  for (const [tag, apt] of [
    ["1", ""],
    ["2", "apt: [libgomp1]\n"],
  ]) {
    const project = emptyFolder(join(folder, `base-${tag}`));
    writeFileSync(join(project, "cambium.yaml"), `debian: bookworm\n${apt}cmd: [python3]\n`);
    await build(site, "bundle", project, basesStore, {
      args: ["-t", `${registry.address}/base:${tag}`, "--push"],
    });
  }
  return registry;
}

function requirementsOf({ set }: RowGroup, added?: string): readonly string[] {
  return added === undefined ? set.requirements : [...set.requirements, added];
}

function writeCambium(folder: string, requirements: readonly string[], base: string): string {
  emptyFolder(folder);
  writeFileSync(join(folder, "requirements.txt"), `${requirements.join("\n")}\n`);
  writeFileSync(join(folder, "app.py"), 'print("hello")\n');
  writeFileSync(
    join(folder, "cambium.yaml"),
    `from: ${base}\npython: requirements.txt\ncopy: [app.py]\ncmd: [python, app.py]\n`,
  );
  return folder;
}

function cambiumArm(row: Row, place: Place, places: AsyncDisposableStack): Arm {
  const { group, site, work } = place;
  const name = `${row.name}, Cambium`;
  const folder = join(work, "cambium");
  const store = join(folder, "store");
  const built = join(folder, "built-store");
  const project = join(folder, "project");
  let registry: TestRegistry | undefined;
  const clear = async () => {
    await registry?.[Symbol.asyncDispose]();
    registry = undefined;
    emptyFolder(folder);
  };
  places.defer(clear);
  const push = (to: string) => {
    const how = [
      ...(row.isLocked === true ? ["--locked"] : []),
      group.hasBytecode === true ? "--bytecode" : "--no-bytecode",
    ];
    return build(site, "bundle", project, to, {
      args: ["-t", `${registry!.address}/app:1`, "--push", ...how],
    });
  };
  const write = async (requirements: readonly string[], base: string) => {
    writeCambium(project, requirements, `${registry!.address}/${base}`);
    if (row.isLocked !== true) return;
    const elsewhere = join(folder, "elsewhere");
    await copyStore(site.preparedStore, elsewhere);
    await command(site, "bundle", ["lock", project], elsewhere);
  };
  return {
    name,
    async prepare() {
      await clear();
      registry = await registryWithBases(place, folder);
      await copyStore(site.preparedStore, built);
      if (group.isBuilt) {
        await write(requirementsOf(group), "base:1");
        await push(built);
      }
      await copyStore(group.isWarm ? built : site.preparedStore, store);
      await write(requirementsOf(group, row.added), group.base);
    },
    run: () => push(store),
    async finish() {
      await timeImport("own", name, registry!, place);
      await clear();
    },
  };
}

function peerArm(peer: Peer, place: Place, places: AsyncDisposableStack): Arm {
  const { group, site, work } = place;
  const [first] = group.rows;
  const name = `${first!.name.replace(/, .*/, "")}, BuildKit + ${peer}`;
  const folder = join(work, peer);
  const project = join(folder, "project");
  let registry: TestRegistry | undefined;
  let daemon: TestBuildKit | undefined;
  const clear = async () => {
    await daemon?.[Symbol.asyncDispose]();
    daemon = undefined;
    await registry?.[Symbol.asyncDispose]();
    registry = undefined;
    emptyFolder(folder);
  };
  places.defer(clear);
  const write = (requirements: readonly string[], base: string) => {
    emptyFolder(project);
    return writePeer(peer, project, {
      base: `${registry!.address}/${base}`,
      requirements,
      indexUrl: site.indexUrl,
      hasBytecode: group.hasBytecode === true,
    });
  };
  // What the machine before leaves for a fresh one is exported untimed: the timed run only takes it.
  const push = async (cache: "import" | "export" | "none") => {
    const kept = `type=registry,ref=${registry!.address}/cache:1`;
    const cacheArgs = {
      import: ["--import-cache", kept],
      export: ["--export-cache", `${kept},mode=max`],
      none: [],
    };
    const output = `type=image,name=${registry!.address}/app:1,push=true`;
    await daemon!.buildFolder(project, ["--output", output, ...cacheArgs[cache]]);
  };
  const isFresh = group.isBuilt && !group.isWarm;
  return {
    name,
    rounds: group.set.peerRounds,
    async prepare() {
      await clear();
      registry = await registryWithBases(place, folder);
      daemon = await startBuildKit();
      if (group.isBuilt) {
        await write(requirementsOf(group), "base:1");
        await push(isFresh ? "export" : "none");
        if (isFresh) {
          await daemon[Symbol.asyncDispose]();
          daemon = await startBuildKit();
        }
      }
      await write(requirementsOf(group, group.added), group.base);
    },
    run: () => push(isFresh ? "import" : "none"),
    async finish() {
      // Its state is as large as the image, unpacked, and no longer needed.
      await daemon?.[Symbol.asyncDispose]();
      daemon = undefined;
      await timeImport(peer, name, registry!, place);
      await clear();
    },
  };
}
