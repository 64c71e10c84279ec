import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needs } from "../support/needs.ts";
import type { BaseWorld, Machine } from "../support/registry-bases.ts";
import { type DebianWorld, startDebianWorld } from "./debian-world.ts";

describe.runIf(needs("docker-registry", "runc", "root"))("--build-context NAME=oci-layout://FOLDER", () => {
  let debian: DebianWorld;
  let world: BaseWorld;
  let machine: Machine;
  /** An image layout with two images: tags `one` and `two`. */
  let layout: string;
  const digests: Record<string, string> = {};

  beforeAll(async () => {
    debian = await startDebianWorld();
    world = debian.world;
    layout = world.at("layout");
    for (const name of ["one", "two"]) {
      const text = `FROM ${debian.base}\nENV NAME=${name}\nRUN echo ${name} > /name\n`;
      const project = world.project(`make-${name}`, { Dockerfile: text });
      const ran = await debian.builder.run([
        "build",
        project,
        "--platform",
        "linux/amd64",
        "-t",
        `app:${name}`,
        "-o",
        `type=oci,dest=${layout}`,
      ]);
      expect(ran).toMatchObject({ exitCode: 0 });
      digests[name] = ran.stdout.trim();
    }
    machine = world.machine("machine");
  });
  afterAll(async () => debian?.[Symbol.asyncDispose]());

  let count = 0;
  async function build(context: string, text: string, on: Machine = machine) {
    count += 1;
    const project = world.project(`use-${count}`, { Dockerfile: text });
    const out = world.at(`out-${count}`);
    const place = ["--build-context", `base=oci-layout://${context}`, "-o", `type=rootfs,dest=${out}`];
    const ran = await on.run(["build", project, "--platform", "linux/amd64", ...place]);
    return { ...ran, read: (path: string) => readFileSync(join(out, path), "utf8") };
  }

  const USE = "FROM scratch\nCOPY --from=base /name /copied\n";

  test("stands in for FROM, with its settings, and for COPY --from, by tag and by digest", async () => {
    const whole = 'FROM base AS run\nRUN echo "$NAME" "$(cat /name)" > /seen\n';
    const text = `${whole}FROM scratch\nCOPY --from=run /seen /\nCOPY --from=base /name /copied\n`;
    await world.forget();
    for (const [name, context] of [
      ["one", `${layout}:one`],
      ["two", `${layout}:two`],
      ["one", `${layout}@${digests.one}`],
    ] as const) {
      const built = await build(context, text);
      expect(built).toMatchObject({ exitCode: 0 });
      expect(built.read("seen")).toBe(`${name} ${name}\n`);
      expect(built.read("copied")).toBe(`${name}\n`);
    }
    expect(await world.registry.accesses()).toEqual([]);
  });

  test("is looked into each time, and what was there is not needed again for what is known", async () => {
    const own = world.at("own");
    cpSync(layout, own, { recursive: true });
    const other = world.machine("other");
    const first = await build(`${own}:one`, USE, other);
    expect(first.read("copied")).toBe("one\n");
    const index = JSON.parse(readFileSync(join(own, "index.json"), "utf8"));
    for (const row of index.manifests) {
      const names = row.annotations;
      for (const key of Object.keys(names))
        names[key] = names[key].replace(/one|two/, (it: string) => (it === "one" ? "two" : "one"));
    }
    writeFileSync(join(own, "index.json"), JSON.stringify(index));
    expect((await build(`${own}:one`, USE, other)).read("copied")).toBe("two\n");
  });

  test.for([
    { what: "a folder that is none", context: () => world.at("nothing"), says: /SOURCE_UNREADABLE/ },
    { what: "several images without a tag", context: () => layout, says: /SOURCE_AMBIGUOUS[\s\S]*app:one/ },
    { what: "an unknown tag", context: () => `${layout}:three`, says: /SOURCE_TAG_UNKNOWN[\s\S]*app:one/ },
    {
      what: "an unknown digest",
      context: () => `${layout}@sha256:${"0".repeat(64)}`,
      says: /BLOB_UNKNOWN/,
    },
  ])("$what is refused", async ({ context, says }) => {
    const ran = await build(context(), USE, world.machine(`refusing-${count}`));
    expect(ran.stderr).toMatch(says);
    expect(ran.exitCode).not.toBe(0);
  });

  test.for([
    {
      what: "a blob whose bytes are others",
      spoil: (folder: string) => {
        for (const name of blobs(folder)) {
          const path = join(folder, "blobs/sha256", name);
          const bytes = readFileSync(path);
          bytes[bytes.length - 1]! ^= 1;
          writeFileSync(path, bytes);
        }
      },
      says: /DIGEST_INVALID/,
    },
    {
      what: "layers that are gone",
      spoil: (folder: string) => {
        for (const name of blobs(folder)) {
          const path = join(folder, "blobs/sha256", name);
          if (readFileSync(path)[0] === 0x1f) rmSync(path);
        }
      },
      says: /LAYER_GONE/,
    },
    {
      what: "an index whose digest leads out of the folder",
      spoil: (folder: string) => {
        const path = join(folder, "index.json");
        writeFileSync(
          path,
          readFileSync(path, "utf8").replaceAll(/sha256:[0-9a-f]{64}/g, "sha256:../../../etc/passwd"),
        );
      },
      says: /SOURCE_UNREADABLE/,
    },
    {
      what: "a folder in place of the index",
      spoil: (folder: string) => {
        rmSync(join(folder, "index.json"));
        mkdirSync(join(folder, "index.json"));
      },
      says: /SOURCE_UNREADABLE[\s\S]*not a file/,
    },
  ])("$what is refused", async ({ spoil, says }) => {
    const folder = world.at(`spoilt-${count}`);
    cpSync(layout, folder, { recursive: true });
    spoil(folder);
    const ran = await build(`${folder}:one`, USE, world.machine(`spoilt-machine-${count}`));
    expect(ran.stderr).toMatch(says);
    expect(ran.exitCode).not.toBe(0);
  });
});

function blobs(folder: string): string[] {
  return readdirSync(join(folder, "blobs/sha256"));
}
