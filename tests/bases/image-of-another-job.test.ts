import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Digest } from "../../src/layer/digest.ts";
import { openStore } from "../../src/store/store.ts";
import { type DebianWorld, startDebianWorld } from "../dockerfile/debian-world.ts";
import type { Ran } from "../support/command.ts";
import { needs } from "../support/needs.ts";
import { digestIn } from "../support/project.ts";
import { type BaseWorld, builtBy, type Machine, moduleWheel } from "../support/registry-bases.ts";
import "../support/in-memory.ts";

const NO_REGISTRY = { HTTP_PROXY: "http://127.0.0.1:9", HTTPS_PROXY: "http://127.0.0.1:9" };

/** Job A leaves a folder; job B, with a store of its own, builds on the image in it. */
describe.runIf(needs("docker-registry", "runc", "root"))("an image of another job", () => {
  let debian: DebianWorld;
  let world: BaseWorld;
  let a: Machine;
  /** What A's image is called, and where it is pushed for comparison. */
  let name: string;
  let artifact: string;
  let count = 0;

  beforeAll(async () => {
    debian = await startDebianWorld([moduleWheel("alpha")]);
    world = debian.world;
    a = world.machine("a");
    name = `${world.registry.address}/team/base:1`;
    artifact = world.at("artifact");
    await made("one", artifact);

    async function made(text: string, folder: string) {
      const project = world.project(`a-${text}`, {
        Dockerfile: `FROM ${debian.base}\nENV WHO=a\nRUN echo ${text} > /of-a\nCOPY note /note\n`,
        note: `note ${text}\n`,
      });
      const ran = await a.run(
        [
          "build",
          project,
          "--platform",
          "linux/amd64",
          "-t",
          name,
          "--push",
          "-o",
          `type=oci,dest=${folder}`,
        ],
        { env: { SOURCE_DATE_EPOCH: "1700000000" } },
      );
      return digestIn(ran);
    }
  });
  afterAll(async () => debian?.[Symbol.asyncDispose]());

  /** A new job, with the artifact below its folder. */
  function job(files: Readonly<Record<string, string>>) {
    count += 1;
    const folder = world.at(`job-${count}`);
    const project = world.project(join(`job-${count}`, "b"), files);
    cpSync(artifact, join(folder, "out", "a"), { recursive: true });
    const machine = world.machine(`store-${count}`);
    const run = (command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
      machine.run([command, "b", "--progress", "json", "--platform", "linux/amd64", ...args], {
        cwd: folder,
        env: { SOURCE_DATE_EPOCH: "1700000000", ...env },
      });
    return { folder, project, machine, run };
  }

  const FROM_FOLDER = ["--build-context", "base=oci-layout://out/a"];
  const packages = (index: string) => ["--default-index", index];
  const events = (ran: Ran) => ran.stderr.split("\n").filter((line) => line.startsWith("{"));

  describe("a Dockerfile", () => {
    const files = {
      Dockerfile:
        "FROM base AS run\nRUN cat /of-a /note > /seen\nFROM base\nCOPY --from=run /seen /seen\nCOPY --from=base /note /again\n",
    };

    test("is built on it with no registry and no step of A, and comes to what it is on the registry's", async () => {
      const b = job(files);
      const built = builtBy(
        await b.run("build", [...FROM_FOLDER, "-o", "type=rootfs,dest=root"], NO_REGISTRY),
      );
      expect(readFileSync(join(b.folder, "root", "seen"), "utf8")).toBe("one\nnote one\n");
      expect(built.steps.map((step) => step.replace(/^(\w+): \S+ \d+: /, "$1 "))).toEqual([
        "done RUN /bin/sh -c cat /of-a /note > /seen # buildkit",
        "done COPY /seen /seen # buildkit",
        "done COPY /note /again # buildkit",
      ]);
      const c = job(files);
      const named = ["--build-context", `base=docker-image://${name}`];
      expect(digestIn(await c.run("build", named))).toBe(built.digest);
      expect(digestIn(await job(files).run("build", FROM_FOLDER))).toBe(built.digest);
    });

    test("finds each platform in it, and an image by its tag", async () => {
      const made = world.project("a-platforms", {
        Dockerfile: "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /arch\n",
        amd64: "amd64\n",
        arm64: "arm64\n",
      });
      const both = ["--platform", "linux/amd64,linux/arm64"];
      const b = job({ Dockerfile: "FROM base\nCOPY --from=base /arch /again\n" });
      const layout = join(b.folder, "out", "both");
      for (const tag of ["one", "two"]) {
        digestIn(await a.run(["build", made, ...both, "-t", `both:${tag}`, "-o", `type=oci,dest=${layout}`]));
        writeFileSync(join(made, "amd64"), "amd64 two\n");
      }
      for (const [place, platform, text] of [
        ["both:one", "linux/arm64", "arm64\n"],
        ["both:one", "linux/amd64", "amd64\n"],
        ["both:two", "linux/amd64", "amd64 two\n"],
      ] as const) {
        const flags = ["--build-context", `base=oci-layout://out/${place}`, "--platform", platform];
        const out = ["-o", `type=rootfs,dest=${join(b.folder, "root")}`];
        rmSync(join(b.folder, "root"), { recursive: true, force: true });
        const ran = await b.machine.run(["build", "b", ...flags, ...out], {
          cwd: b.folder,
          env: NO_REGISTRY,
        });
        expect(ran.exitCode, ran.stderr).toBe(0);
        expect(readFileSync(join(b.folder, "root", "again"), "utf8")).toBe(text);
      }
    });

    test("takes no layer into the store that nothing reads", async () => {
      const b = job({ Dockerfile: "FROM base\nENV OWN=b\n" });
      digestIn(await b.run("build", [...FROM_FOLDER, "-t", "b:1"], NO_REGISTRY));
      const blobs = readdirSync(join(artifact, "blobs/sha256")).map((hex) => `sha256:${hex}` as Digest);
      const store = openStore(b.machine.store);
      const taken = blobs.filter((digest) => store.blobs.has(digest));
      expect(blobs.length).toBeGreaterThan(10);
      expect(taken).toEqual([]);
      store.close();
    });

    test("of a folder that moved is known, and of one that vanished says so", async () => {
      const b = job(files);
      const first = digestIn(await b.run("build", [...FROM_FOLDER, "-t", "b:1"], NO_REGISTRY));
      renameSync(join(b.folder, "out"), join(b.folder, "moved"));
      const moved = ["--build-context", "base=oci-layout://moved/a"];
      const again = builtBy(await b.run("build", [...moved, "-o", "type=oci,dest=b.tar"], NO_REGISTRY));
      expect(again.digest).toBe(first);
      expect(again.steps.filter((step) => !step.startsWith("hit"))).toEqual([]);
      rmSync(join(b.folder, "moved"), { recursive: true });
      const gone = await b.run("build", moved, NO_REGISTRY);
      expect(gone.stderr).toContain("SOURCE_UNREADABLE");
      const other = job({ Dockerfile: "FROM base\nENV OWN=b\n" });
      digestIn(await other.run("build", [...FROM_FOLDER, "-t", "b:1"], NO_REGISTRY));
      rmSync(join(other.folder, "out"), { recursive: true });
      const lost = await other.machine.run(["validate", "b:1"]);
      expect(`${lost.stdout}${lost.stderr}`).toContain(
        `${join(other.folder, "out/a")} is not there any more`,
      );
    });
  });

  describe("a project", () => {
    const files = {
      "cambium.yaml": "from: base\npython: { packages: [alpha] }\ncmd: [python, -V]\n",
    };

    test("is built on what stands for its base, as it would be on the registry's", async () => {
      const b = job({ "cambium.yaml": files["cambium.yaml"].replace("base", name) });
      const place = ["--build-context", `${name}=oci-layout://out/a`, ...packages(world.index.url)];
      await world.registry.forget();
      const built = builtBy(await b.run("build", place));
      expect(await world.registry.accesses()).toEqual([]);
      const c = job({ "cambium.yaml": files["cambium.yaml"].replace("base", name) });
      expect(digestIn(await c.run("build", packages(world.index.url)))).toBe(built.digest);
      // A second build asks the folder, and nothing else.
      world.forget();
      const known = builtBy(await b.run("build", place, NO_REGISTRY));
      expect(known.digest).toBe(built.digest);
      expect(world.index.log).toEqual([]);
    });

    test("follows another image in the folder, also locked, and forgets it without the folder", async () => {
      const b = job(files);
      const place = [...FROM_FOLDER, ...packages(world.index.url)];
      const first = digestIn(await b.run("build", place));
      const locked = await b.run("lock", place);
      expect(locked.exitCode, locked.stderr).toBe(0);
      const project = world.project("a-two", { Dockerfile: `FROM ${name}\nENV WHO=two\n` });
      rmSync(join(b.folder, "out"), { recursive: true });
      const two = await a.run([
        ...["build", project, "--platform", "linux/amd64"],
        ...["-o", `type=oci,dest=${join(b.folder, "out/a")}`],
      ]);
      digestIn(two);
      const second = builtBy(await b.run("build", [...place, "--locked"]));
      expect(second.digest).not.toBe(first);
      expect(second.transcoded).toEqual([]);
      rmSync(join(b.project, "cambium.lock"));
      expect(digestIn(await b.run("build", place))).toBe(second.digest);
      const bare = await b.run("build", packages(world.index.url), NO_REGISTRY);
      expect(bare.exitCode).not.toBe(0);
      expect(bare.stderr).toContain("docker.io");
    });

    test("names a folder itself, in YAML, in a program and by --base, and says nothing of it in the image", async () => {
      const digests: string[] = [];
      const yaml = files["cambium.yaml"];
      const program = `import { from, image } from "cambium";
export default image(from("oci-layout://../out/a")).python({ packages: ["alpha"] }).cmd("python", "-V");\n`;
      for (const [its, args] of [
        [{ "cambium.yaml": yaml.replace("base", "oci-layout://../out/a") }, []],
        [{ "cambium.ts": program }, []],
        [{ "cambium.yaml": yaml }, ["--base", "oci-layout://out/a"]],
      ] as const) {
        const b = job(its);
        const out = ["-t", "b:1", ...packages(world.index.url), ...args];
        digests.push(digestIn(await b.run("build", out)));
        const described = (await b.machine.run(["inspect", "b:1", "--json"])).stdout;
        expect(described).not.toContain("oci-layout");
      }
      expect(new Set(digests).size).toBe(1);
    });

    test("copies from it, and stands stages on it", async () => {
      const b = job({
        "cambium.yaml": `from: base
stages:
  made:
    from: base
    run: cat /of-a > /seen
copy:
  - { from: /seen, to: /seen, stage: made }
  - { from: /note, to: /note, image: base }
cmd: [cat, /seen]
`,
      });
      const built = builtBy(
        await b.run("build", [...FROM_FOLDER, "-o", "type=rootfs,dest=root"], NO_REGISTRY),
      );
      expect(readFileSync(join(b.folder, "root", "seen"), "utf8")).toBe("one\n");
      expect(readFileSync(join(b.folder, "root", "note"), "utf8")).toBe("note one\n");
      const planned = await b.run("plan", FROM_FOLDER, NO_REGISTRY);
      expect(planned.exitCode, planned.stderr).toBe(0);
      expect(digestIn(await b.run("build", FROM_FOLDER, NO_REGISTRY))).toBe(built.digest);
    });

    test("pushes what others can use without the folder", async () => {
      const b = job(files);
      const place = [
        ...FROM_FOLDER,
        ...packages(world.index.url),
        "-t",
        `${world.registry.address}/team/b:1`,
      ];
      const built = digestIn(await b.run("build", [...place, "--push"]));
      const c = job(files);
      const ran = await c.run("build", [...place, "--push"]);
      expect(builtBy(ran)).toMatchObject({ digest: built, transcoded: [], warnings: [] });
      const reader = world.machine("reader");
      const checked = await reader.run([
        ...["validate", `${world.registry.address}/team/b:1`],
        ...["--registry-insecure", world.registry.address],
      ]);
      expect(checked.exitCode, checked.stdout).toBe(0);
    });

    test("refuses files in an image's place, and warns of a name that nothing asks for", async () => {
      const b = job(files);
      const folder = await b.run("build", ["--build-context", "base=out/a"]);
      expect(folder).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("BUILD_CONTEXT_UNFIT") });
      const other = ["--build-context", "bsae=oci-layout://out/a", ...packages(world.index.url)];
      const unused = await b.run("build", [...FROM_FOLDER, ...other]);
      digestIn(unused);
      expect(events(unused).join("\n")).toContain("BUILD_CONTEXT_UNUSED");
    });
  });
});
