import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStagesRecord } from "../../src/cache/read-record.ts";
import { recordRow } from "../../src/cache/record-artifact.ts";
import { parseReference } from "../../src/image/reference.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { referrersTag } from "../../src/registry/read-listings.ts";
import { openRepository } from "../../src/registry/repository.ts";
import { type DebianWorld, startDebianWorld } from "../dockerfile/debian-world.ts";
import { copyOfBaseStore } from "../support/base-store.ts";
import { noise } from "../support/given-registry.ts";
import { needs } from "../support/needs.ts";
import { type BaseWorld, type Built, builtBy, type Machine, moduleWheel } from "../support/registry-bases.ts";
import { remoteAt } from "../support/remotes.ts";
import "../support/in-memory.ts";

/** Of `explain --json`. */
type Explained = {
  readonly images: readonly {
    readonly stages: readonly {
      readonly steps: readonly { readonly op: string; readonly outcome: string }[];
    }[];
  }[];
};

const SMALL = ["one", "two", "three", "four"];
const WHEELS = [
  moduleWheel("heavy", { content: noise(20_000_000) }),
  ...[...SMALL, "added", "tool"].map((name) => moduleWheel(name)),
];
const requirements = ["heavy==1.0", ...SMALL.map((name) => `${name}==1.0`)].join("\n");

/** Machines that never built a project with commands, and what the first one left beside its image. */
describe.runIf(needs("docker-registry", "runc", "root"))("the record of a project in stages", () => {
  let debian: DebianWorld;
  let world: BaseWorld;

  beforeAll(async () => {
    debian = await startDebianWorld(WHEELS);
    world = debian.world;
  });
  afterAll(async () => debian?.[Symbol.asyncDispose]());

  const projectFiles = (last: string) => ({
    "cambium.yaml": `from: ${debian.base}
python: requirements.txt
stages:
  made:
    from: ${debian.base}
    python: { packages: [tool] }
    copy: source.txt:/
    run:
      - date +%N > /first
      - cat /source.txt /first > /second
copy:
  - { from: /second, to: /second, stage: made }
  - notes.txt:/
${last}
cmd: [cat, /second]
`,
    "requirements.txt": requirements,
    "notes.txt": "notes\n",
    "source.txt": "source\n",
  });
  const RUN = "run: date +%N > /ran";

  /** Each machine has a folder of its own, as CI has. */
  async function build(machine: Machine, files: Record<string, string>, args: readonly string[]) {
    const project = world.project(`${machine.store.split("/").at(-1)}-project`, files);
    const flags = ["--progress", "json", "--platform", "linux/amd64", "--default-index", world.index.url];
    return builtBy(await machine.run(["build", project, ...flags, ...args]));
  }
  const tagOf = (name: string) => `${world.registry.address}/${name}:1`;
  const push = (machine: string, files: Record<string, string>, to: string) =>
    build(world.machine(machine), files, ["-t", tagOf(to), "--push"]);

  /** Blobs of layers that came from the registry since `forget`. */
  async function layersRead({ layers }: Pick<Built, "layers">): Promise<string[]> {
    const blobs = (await world.registry.accesses()).filter(
      ({ method, path }) => method === "GET" && path.includes("/blobs/"),
    );
    return blobs.map(({ path }) => path).filter((path) => layers.some(({ digest }) => path.endsWith(digest)));
  }
  /** What a record says that the repository lacks, and what its manifest names. */
  async function recordAt(tag: string) {
    const access = createRegistryAccess({ env: {}, emit: () => undefined });
    try {
      const reference = parseReference(tag, "test");
      const { remote, head } = remoteAt(tag, access);
      const found = await readStagesRecord(remote, head, () => undefined);
      const repository = openRepository(reference, access);
      const index = await repository.manifest(referrersTag(found!.root));
      const { manifest } = recordRow(index!.bytes)!;
      const { layers } = JSON.parse(Buffer.from(manifest!).toString("utf8")) as {
        layers: { digest: string }[];
      };
      return { absent: found!.record.absent, layers: layers.map(({ digest }) => digest) };
    } finally {
      await access.close();
    }
  }

  const wheels = () => world.wheelRequests().map((path) => path.replace(/^\/files\/(\w+)-.*$/, "$1"));

  test("gives a fresh machine the whole image: no layer moves, nothing runs, no index is asked", async () => {
    const first = await push("same-maker", projectFiles(RUN), "same");
    expect(first.steps.filter((line) => line.startsWith("done: ") && line.includes(": RUN"))).toHaveLength(3);
    await world.forget();
    const again = await push("same-fresh", projectFiles(RUN), "same");
    expect(again).toMatchObject({ digest: first.digest, steps: [], transcoded: [], warnings: [] });
    expect(again.layers.map(({ name, digest }) => [name, digest])).toEqual(
      first.layers.map(({ name, digest }) => [name, digest]),
    );
    expect(world.index.log).toEqual([]);
    expect(await layersRead(first)).toEqual([]);
    expect((await world.blobTraffic("same")).written).toEqual([]);
    const asked = await world.registry.accesses();
    expect(asked.filter(({ path }) => path.startsWith("/v2/debian/"))).toEqual([]);
    expect(asked.filter(({ method }) => !/^(GET|HEAD)$/.test(method))).toEqual([]);
  });

  test("with a package more, its wheel comes down, and a stage that it is not in is not built", async () => {
    const files = projectFiles("");
    const first = await push("more-maker", files, "more");
    const more = { ...files, "requirements.txt": `${requirements}\nadded==1.0` };
    const expected = await build(world.machine("more-maker"), more, []);
    await world.forget();
    const built = await push("more-fresh", more, "more");
    expect(built).toMatchObject({ digest: expected.digest, warnings: [] });
    expect(built.steps.filter((line) => line.includes(": RUN"))).toEqual([
      expect.stringMatching(/^hit: made 2: RUN/),
      expect.stringMatching(/^hit: made 3: RUN/),
    ]);
    expect(wheels()).toContain("added");
    expect(wheels()).not.toContain("heavy");
    expect(wheels()).not.toContain("tool");
    expect(await layersRead(built)).toEqual([]);
    expect(await layersRead(first)).toEqual([]);
  });

  test("with another command, that one runs, on packages that come as layers", async () => {
    const first = await push("other-maker", projectFiles(RUN), "other");
    await world.forget();
    const built = await push("other-fresh", projectFiles("run: date +%N > /other"), "other");
    expect(built.warnings).toEqual([]);
    expect(built.steps.filter((line) => line.includes(": RUN"))).toEqual([
      expect.stringMatching(/^hit: made 2: RUN/),
      expect.stringMatching(/^hit: made 3: RUN/),
      expect.stringMatching(/^done: image 3: RUN .* > \/other/),
    ]);
    expect(world.index.log).toEqual([]);
    const digests = ({ layers }: Built) => layers.map(({ digest }) => digest);
    expect(digests(built).slice(0, -1)).toEqual(digests(first).slice(0, -1));
    expect(digests(built).at(-1)).not.toBe(digests(first).at(-1));
    expect((await layersRead(first)).length).toBeGreaterThan(0);

    // What is known from elsewhere is a hit, with where and when it was made and what that took.
    const ran = await world.machine("other-fresh").run(["explain", "--json"], {
      cwd: world.at("other-fresh-project"),
    });
    const where = expect.stringContaining(world.registry.address);
    const { images } = JSON.parse(ran.stdout) as Explained;
    const hits = images.flatMap(({ stages }) => stages).flatMap(({ steps }) => steps);
    expect(hits.filter(({ op }) => op === "packages")).toEqual([
      // Nobody has the layers of a stage that is in no image.
      expect.objectContaining({ outcome: "hit" }),
      expect.objectContaining({ outcome: "hit", made: { where } }),
    ]);
    expect(hits.filter(({ op, outcome }) => op === "run" && outcome === "hit")).toEqual([
      expect.objectContaining({ made: { where, atMs: expect.any(Number), tookMs: expect.any(Number) } }),
      expect.objectContaining({ made: { where, atMs: expect.any(Number), tookMs: expect.any(Number) } }),
    ]);
  });

  test("on computed Debian no package of Debian comes down, changed or not", async () => {
    const files = (notes: string) => ({
      "cambium.yaml": `debian: { suite: trixie, variant: distroless }
stages:
  made: { from: ${debian.base}, run: date +%N > /made }
copy:
  - { from: /made, to: /made, stage: made }
  - { from: notes.txt, to: /notes/, owner: nobody }
`,
      "notes.txt": notes,
    });
    const maker = world.machine("debian-maker");
    await copyOfBaseStore(maker.store);
    const first = await push("debian-maker", files("one\n"), "computed");
    for (const notes of ["one\n", "two\n"]) {
      await world.forget();
      const built = await push(`debian-${notes.trim()}`, files(notes), "computed");
      expect(built).toMatchObject({ transcoded: [], warnings: [] });
      expect(built.digest === first.digest).toBe(notes === "one\n");
      expect(built.events.filter(({ type }) => type === "download-started")).toEqual([]);
      expect(built.steps.filter((line) => line.includes(": RUN") && !line.startsWith("hit"))).toEqual([]);
      expect(await layersRead(first)).toEqual([]);
    }
  });

  test("what only a stage has is made again where something reads it, unless a cache has it", async () => {
    const files = projectFiles(RUN);
    const cache = tagOf("cache");
    await build(world.machine("stage-maker"), files, ["-t", tagOf("stage"), "--push", "--cache-to", cache]);
    const changed = {
      ...files,
      "cambium.yaml": files["cambium.yaml"].replace("cat /source.txt /first", "cat /first /source.txt"),
    };
    const runs = ({ steps }: Built) =>
      steps.filter((line) => line.includes(": RUN")).map((line) => line.slice(0, 12));

    const records = await Promise.all([tagOf("stage"), cache].map(recordAt));
    expect(records.map(({ absent }) => absent.length > 0)).toEqual([true, false]);
    // Its manifest names them, so a registry that collects garbage keeps them.
    const [wanted] = records;
    expect(records[1]!.layers).toEqual(expect.arrayContaining([...wanted!.absent]));
    expect(records[0]!.layers).not.toEqual(expect.arrayContaining([wanted!.absent[0]]));

    await world.forget();
    const without = await push("stage-fresh", changed, "stage");
    expect(without.warnings).toEqual([]);
    // It counts as done until the one above it needs its layer.
    expect(runs(without)).toEqual(["hit: made 2:", "done: made 2", "done: made 3", "done: image "]);

    await world.forget();
    const cached = await build(world.machine("stage-cached"), changed, ["--cache-from", cache]);
    expect(cached.warnings).toEqual([]);
    expect(runs(cached)).toEqual(["hit: made 2:", "done: made 3", "done: image "]);
    expect(wheels()).toEqual([]);
  });
});
