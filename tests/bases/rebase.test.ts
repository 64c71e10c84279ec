import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Layer } from "../../src/layer/layer.ts";
import { layerOf } from "../support/layers.ts";
import { needs, toolOf } from "../support/needs.ts";
import { digestIn } from "../support/project.ts";
import { expectFailure } from "../support/reference.ts";
import { type BaseWorld, type Machine, moduleWheel, startBaseWorld } from "../support/registry-bases.ts";

const files = {
  "cambium.yaml":
    "python: requirements.txt\ncopy: app.py\ncmd: [python, app.py]\nuser: app\nenv: { OURS: 1 }\n",
  "requirements.txt": "light==1.0\nbinary==1.0\n",
  "app.py": "import light, binary, os\nprint(light.name, binary.name, os.environ.get('THEIRS'))\n",
};
const patch = layerOf({ path: "srv/patched", file: "patched\n" });

describe.runIf(needs("docker-registry", "skopeo", "runc"))("cambium rebase", () => {
  let world: BaseWorld;
  let debian: readonly Layer[];
  let warm: Machine;
  let old: string;
  let patched: string;
  let image: string;
  let digest: string;

  beforeAll(async () => {
    world = await startBaseWorld([
      moduleWheel("light"),
      moduleWheel("binary", { tag: "cp313-cp313-manylinux_2_17_x86_64" }),
    ]);
    debian = (await world.debian()).layers;
    old = await world.pushBase("base:1", debian, { env: [["THEIRS", "old"]] });
    patched = await world.pushBase("base:2", [...debian, patch], { env: [["THEIRS", "new"]] });
    image = `${world.registry.address}/app:1`;
    warm = world.machine("warm");
    const built = await warm.build(world.project("app", files), "--base", old, "-t", image, "--push");
    digest = built.digest;
  });
  afterAll(async () => world?.[Symbol.asyncDispose]());

  const rebase = (machine: Machine, ...args: readonly string[]) =>
    machine.run(["rebase", ...args, "--progress", "json"]);

  test("on an empty store gives what a build on that base gives, and no byte of a package moves", async () => {
    const tag = `${world.registry.address}/app:rebased`;
    await world.forget();
    const ran = await rebase(world.machine("empty"), image, "--base", patched, "-t", tag, "--push");
    const rebased = digestIn(ran);
    expect(world.index.log).toEqual([]);
    const { read } = await world.blobTraffic("app");
    const { Layers: layers } = skopeo(image) as { Layers: string[] };
    expect(read.filter((path) => layers.some((layer) => path.endsWith(layer)))).toEqual([]);
    // Of the new base what no record lists: its one new layer.
    const base = (await world.blobTraffic("base")).read.map((path) => path.split("/").at(-1));
    expect(debian.filter(({ descriptor }) => base.includes(descriptor.digest))).toEqual([]);
    expect(base).toContain(patch.descriptor.digest);

    const built = await warm.build(world.project("again", files), "--base", patched);
    expect(rebased).toBe(built.digest);
    expect(rebased).not.toBe(digest);
    expect(skopeo(tag)).toMatchObject({ Digest: rebased });
    expect(skopeo(image)).toMatchObject({ Digest: digest });
  });

  test("the result runs, with what the new base sets", async () => {
    const tag = `${world.registry.address}/app:runs`;
    digestIn(await rebase(world.machine("for-run"), image, "--base", patched, "-t", tag, "--push"));
    const ran = await world.machine("runs").run(["run", "--image", tag]);
    expect(ran.stdout, ran.stderr).toBe("light binary new\n");
  });

  test("a rebased image can be rebased; back on its base it is what it was", async () => {
    const tag = `${world.registry.address}/app:there`;
    const there = digestIn(
      await rebase(world.machine("there"), image, "--base", patched, "-t", tag, "--push"),
    );
    expect(there).not.toBe(digest);
    await world.forget();
    expect(digestIn(await rebase(world.machine("back"), tag, "--base", old, "--push"))).toBe(digest);
    expect(skopeo(tag)).toMatchObject({ Digest: digest });
    expect(world.index.log).toEqual([]);
  });

  test("a base with another Python is refused, and the tag stays", async () => {
    const other = await world.pushBase("python312:1", [
      ...debian,
      layerOf(
        { path: "usr/local/bin/python3.12", file: "\x7fELF\0libc\0" + "3.12.9\0", mode: 0o755 },
        { path: "usr/local/bin/python3", link: "python3.12" },
      ),
    ]);
    const ran = await warm.run(["rebase", image, "--base", other, "--push"]);
    expectFailure(ran, {
      ...{ exitCode: 2, code: "REBASE_PYTHON", quotes: [other, "Python 3.12", "3.13"] },
      hint: /^hint: .*Python 3\.13/m,
    });
    expect(skopeo(image)).toMatchObject({ Digest: digest });
  });

  test("an image that others built has no record, and is refused by name", async () => {
    const ran = await warm.run(["rebase", old, "--base", patched, "--push"]);
    expectFailure(ran, {
      ...{ exitCode: 1, code: "RECORD_UNKNOWN", quotes: [old] },
      hint: /^hint: .*cambium build --push/m,
    });
  });

  function skopeo(reference: string): unknown {
    const args = ["inspect", "--tls-verify=false", `docker://${reference}`];
    return JSON.parse(execFileSync(toolOf("skopeo"), args, { encoding: "utf8" }));
  }
});
