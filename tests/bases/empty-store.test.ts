import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyOfBaseStore } from "../support/base-store.ts";
import { noise } from "../support/given-registry.ts";
import { needs } from "../support/needs.ts";
import { requirementsFiles } from "../support/project.ts";
import {
  type BaseWorld,
  type Built,
  type Machine,
  moduleWheel,
  startBaseWorld,
} from "../support/registry-bases.ts";
import "../support/in-memory.ts";

const SMALL = ["one", "two", "three", "four", "five", "six"];
const heavy = moduleWheel("heavy", { content: noise(40_000_000) });
const medium = moduleWheel("medium", { content: noise(3_000_000) });
const before = ["heavy==1.0", "medium==1.0", ...SMALL.map((name) => `${name}==1.0`)];
const app = { "app.py": "print('hello')\n" };
const unchanged = { ...app, "requirements.txt": before.join("\n") };
const changed = { ...app, "requirements.txt": [...before, "added==1.0"].join("\n") };
const sentBytes = ({ events }: Built) =>
  events.reduce((sum, { sentBytes: sent, type }) => (type === "upload-done" ? sum + Number(sent) : sum), 0);

const OCI = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
type Rows = Readonly<Partial<Record<"manifests" | "layers", readonly { readonly digest: string }[]>>>;

/** Machines that have never built anything, and the record that the first one left in the registry. */
describe.runIf(needs("docker-registry"))("an empty store", () => {
  let world: BaseWorld;
  let warm: Machine;
  let base: string;
  let tag: string;
  let first: Built;

  beforeAll(async () => {
    world = await startBaseWorld([
      ...[heavy, medium],
      ...[...SMALL, "added"].map((name) => moduleWheel(name)),
    ]);
    base = await world.pushBase("debian:1", (await world.debian()).layers);
    tag = `${world.registry.address}/app:1`;
    warm = world.machine("warm");
    first = await push(warm, "warm", unchanged, tag);
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  /** Each machine has a folder of its own, as CI has. */
  function push(machine: Machine, name: string, files: Record<string, string>, to: string): Promise<Built> {
    const project = world.project(`${name}-project`, files);
    return machine.build(project, "--base", base, "-t", to, "--push");
  }

  async function layersRead(repository: string, built: Built): Promise<string[]> {
    const { read } = await world.blobTraffic(repository);
    return read.filter((path) => built.layers.some(({ digest }) => path.endsWith(digest)));
  }

  test("the same build and push moves no layer either way and asks the index nothing", async () => {
    await world.forget();
    const again = await push(world.machine("same"), "same", unchanged, tag);
    expect(again).toMatchObject({ digest: first.digest, transcoded: [], warnings: [] });
    expect(world.index.log).toEqual([]);
    expect(await layersRead("app", again)).toEqual([]);
    expect((await world.blobTraffic("app")).written).toEqual([]);
    const asked = await world.registry.accesses();
    expect(asked.filter(({ path }) => path.startsWith("/v2/debian/blobs/"))).toEqual([]);
    expect(asked.filter(({ method }) => !/^(GET|HEAD)$/.test(method))).toEqual([]);
    expect(again.events.filter(({ type }) => type === "download-started")).toEqual([]);
  });

  test("with a light package more, that one comes down with those of its layer, and less than 1 MB goes up", async () => {
    const expected = await warm.build(world.project("warm-project", changed), "--base", base);
    const before = new Set(first.layers.map(({ digest }) => digest));
    await world.forget();
    const built = await push(world.machine("changed"), "changed", changed, tag);
    expect(built.digest).toBe(expected.digest);
    expect(built.warnings).toEqual([]);
    const wheels = world.wheelRequests().map((path) => path.replace(/^\/files\/(\w+)-.*$/, "$1"));
    expect(wheels).toContain("added");
    expect(wheels).not.toContain("heavy");
    expect(wheels).not.toContain("medium");
    expect(wheels.length).toBeLessThan(SMALL.length);
    expect(new Set(built.transcoded)).toEqual(new Set(wheels.map((name) => `${name} 1.0`)));
    // Of layers, of this repository's and of the base's, nothing is read.
    expect(await layersRead("app", built)).toEqual([]);
    const baseBlobs = (await world.registry.accesses()).filter(({ path }) =>
      path.startsWith("/v2/debian/blobs/"),
    );
    expect(baseBlobs).toEqual([]);
    expect(sentBytes(built)).toBeGreaterThan(0);
    expect(sentBytes(built)).toBeLessThan(1_000_000);
    const fresh = built.layers.filter(({ digest }) => !before.has(digest)).map(({ name }) => name);
    expect(fresh.filter((name) => name.startsWith("python "))).toHaveLength(1);
  });

  test("--cache-from names another repository's record; --cache-to is where one is put", async () => {
    const cache = `${world.registry.address}/cache:main`;
    const project = world.project("cached-project", unchanged);
    await world.machine("puts").build(project, "--base", base, "--cache-from", tag, "--cache-to", cache);
    await world.forget();
    const built = await world
      .machine("takes")
      .build(world.project("takes-project", unchanged), "--base", base, "--cache-from", cache);
    expect(built).toMatchObject({ digest: first.digest, transcoded: [] });
    expect(world.index.log).toEqual([]);
    expect(await layersRead("cache", built)).toEqual([]);
  });

  test("an output reads the layers that it needs, and they are the image", async () => {
    const machine = world.machine("reads");
    const project = world.project("reads-project", unchanged);
    const layout = world.at("reads-layout");
    await world.forget();
    const record = `${world.registry.address}/app@${first.digest}`;
    const flags = ["--base", base, "--cache-from", record, "-o", `type=oci,dest=${layout}`];
    const built = await machine.build(project, ...flags);
    expect(built.digest).toBe(first.digest);
    expect(world.wheelRequests()).toEqual([]);
    const report = await machine.run(["validate", layout, "--json"]);
    expect(JSON.parse(report.stdout)).toMatchObject({ digest: first.digest, problems: [] });
  });

  test("on computed Debian no package of Debian comes down either", async () => {
    const { "cambium.lock": _, "app.py": __, ...files } = await requirementsFiles("one==1.0\ntwo==1.0\n");
    const computed = { ...files, ...app };
    const target = `${world.registry.address}/computed:1`;
    const known = world.machine("knows-debian");
    await copyOfBaseStore(known.store);
    const { "cambium.lock": lock } = await requirementsFiles("");
    const flags = ["-t", target, "--push"];
    const built = await known.build(
      world.project("computed", { ...computed, "cambium.lock": lock! }),
      ...flags,
    );
    await world.forget();
    const again = await world.machine("no-debian").build(world.project("computed-2", computed), ...flags);
    expect(again).toMatchObject({ digest: built.digest, transcoded: [], warnings: [] });
    expect(world.index.log).toEqual([]);
    expect(again.events.filter(({ type }) => type === "download-started")).toEqual([]);
    expect((await world.blobTraffic("computed")).written).toEqual([]);
  });

  test("listings that the registry lost come again with the next record", async () => {
    const repository = `http://${world.registry.address}/v2/app`;
    const json = async (path: string) =>
      (await fetch(`${repository}/${path}`, { headers: { accept: OCI } })).json() as Promise<Rows>;
    const index = await json(`manifests/${first.digest.replace(":", "-")}`);
    const record = await json(`manifests/${index.manifests![0]!.digest}`);
    for (const { digest } of record.layers!) {
      expect((await fetch(`${repository}/blobs/${digest}`, { method: "DELETE" })).status).toBe(202);
    }
    const other = `${world.registry.address}/app:lost`;
    const files = { ...unchanged, "app.py": "print('changed')\n" };
    const built = await push(warm, "lost", files, other);
    expect(built.warnings).toEqual([]);
    const fresh = await push(
      world.machine("lost-fresh"),
      "lost-fresh",
      { ...files, "more.txt": "more\n" },
      other,
    );
    expect(fresh).toMatchObject({ transcoded: [], warnings: [] });
  });
});
