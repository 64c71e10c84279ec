import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { layerOf } from "../support/layers.ts";
import { needs, toolOf } from "../support/needs.ts";
import { digestIn, requirementsFiles, workplace } from "../support/project.ts";
import {
  type BaseWorld,
  type Built,
  type Machine,
  moduleWheel,
  startBaseWorld,
} from "../support/registry-bases.ts";
import { unpackRemoteImage } from "../support/umoci.ts";

const requirements = "light==1.0\nbinary==1.0\n";
const app = { "requirements.txt": requirements, "app.py": "import light, binary\nprint(light.name)\n" };
const packageLayers = ({ layers }: Built) =>
  layers.filter(({ name }) => name === "venv" || name.startsWith("python "));
const digests = (built: Built) => packageLayers(built).map(({ digest }) => digest);

/** As another team would change it: other files, other folders beside those of packages, other settings. */
const patch = layerOf(
  { path: "srv", directory: true, mode: 0o2770, owner: 9 },
  { path: "srv/theirs", file: "theirs\n", mode: 0o600, owner: 9 },
  { path: "srv/sticky", directory: true, mode: 0o1777 },
);
/** A parent directory of packages that is not as usual. */
const oddParent = layerOf(
  { path: "opt", directory: true, mode: 0o775, owner: 7 },
  { path: "opt/theirs", file: "theirs\n", mode: 0o600, owner: 7 },
);

describe.runIf(needs("docker-registry", "skopeo", "umoci", "runc", "root"))(
  "images on registry bases",
  () => {
    let world: BaseWorld;
    let machine: Machine;
    let first: string;
    let second: string;
    let odd: string;
    let onFirst: Built;
    let project: string;

    beforeAll(async () => {
      world = await startBaseWorld([
        moduleWheel("light"),
        moduleWheel("binary", { tag: "cp313-cp313-manylinux_2_17_x86_64" }),
      ]);
      const { layers } = await world.debian();
      first = await world.pushBase("debian:1", layers, { env: [["PATH", "/usr/bin:/bin"]] });
      second = await world.pushBase("theirs:2", [...layers, patch], {
        env: [
          ["PATH", "/theirs/bin:/usr/bin:/bin"],
          ["THEIRS", "yes"],
          ["LANG", "de_DE.UTF-8"],
        ],
        labels: { theirs: "label", both: "theirs" },
        exposedPorts: ["8080/tcp"],
        volumes: ["/theirs"],
        workdir: "/srv",
        user: "65534",
        entrypoint: ["/usr/bin/python3"],
        cmd: ["-V"],
        stopSignal: "SIGINT",
      });
      odd = await world.pushBase("odd:1", [...layers, patch, oddParent]);
      machine = world.machine("machine");
      project = world.project("app", app);
      onFirst = await machine.build(
        project,
        "--base",
        first,
        "-t",
        `${world.registry.address}/app:1`,
        "--push",
      );
    });
    afterAll(async () => world?.[Symbol.asyncDispose]());

    test("another base re-uses every package layer: no byte of the index, nothing transcoded", async () => {
      expect(onFirst.transcoded.toSorted()).toEqual(["binary 1.0", "light 1.0"]);
      await world.forget();
      const tag = `${world.registry.address}/app:2`;
      const onSecond = await machine.build(project, "--base", second, "-t", tag, "--push");
      expect(digests(onSecond)).toEqual(digests(onFirst));
      expect(packageLayers(onSecond).map(({ isReused }) => isReused)).toEqual([true, true, true]);
      expect(onSecond.transcoded).toEqual([]);
      expect(world.wheelRequests()).toEqual([]);
      // Of the base that layer alone which the other one had not; of ours none, since the repository has them.
      const summary = onSecond.events.find(({ type }) => type === "summary");
      expect(summary).toMatchObject({ downloads: { count: 1, bytes: patch.descriptor.size } });
      expect(onSecond.digest).not.toBe(onFirst.digest);
      expect(onSecond.warnings).toEqual([]);
    });

    test("another repository of the registry has the layers mounted: none is sent, none read", async () => {
      await world.forget();
      const pushed = await machine.build(
        project,
        "--base",
        first,
        "-t",
        `${world.registry.address}/team/app:1`,
        "--push",
      );
      expect(digests(pushed)).toEqual(digests(onFirst));
      const layers = pushed.layers.map(({ digest }) => digest);
      const sent = pushed.events.filter(({ type, sentBytes }) => type === "upload-done" && sentBytes !== 0);
      expect(sent.filter(({ id }) => layers.some((digest) => digest === id))).toEqual([]);
      const posts = (await world.registry.accesses()).filter(({ method }) => method === "POST");
      expect(posts.filter(({ status }) => status === 201)).toHaveLength(new Set(layers).size);
    });

    test("the package layers are those on computed Debian", async () => {
      using place = await workplace();
      const { "app.py": _, ...files } = await requirementsFiles(requirements);
      const computed = place.project("app", { ...files, ...app });
      const layout = place.at("image");
      const flags = ["--platform", "linux/amd64", "--default-index", world.index.url];
      digestIn(await place.build(computed, [...flags, "-o", `type=oci,dest=${layout}`]));
      const inspected = skopeo("inspect", `oci:${layout}`) as { Layers: string[] };
      expect(inspected.Layers).toEqual(expect.arrayContaining(digests(onFirst)));
    });

    test("no entry of the base is changed, whatever its owner and mode", async () => {
      const tag = `${world.registry.address}/app:tree`;
      await world.forget();
      // Layers that name /opt are made anew to leave it as it is; from what is here.
      const onOdd = await machine.build(project, "--base", odd, "-t", tag, "--push");
      expect({ wheels: world.wheelRequests(), transcoded: onOdd.transcoded }).toEqual({
        wheels: [],
        transcoded: [],
      });
      const base = treeOf(odd, "base");
      const image = treeOf(tag, "image");
      expect(base.length).toBeGreaterThan(1000);
      const lines = new Set(image);
      expect(base.filter((line) => !lines.has(line))).toEqual([]);
      for (const line of ["lib\tl\t777\t0:0\tusr/lib", "root\td\t700\t0:0\t", "tmp\td\t1777\t0:0\t"])
        expect(lines).toContain(line);
      expect(lines).toContain("opt\td\t775\t7:7\t");
      expect(lines).toContain("srv\td\t2770\t9:9\t");
      const before = new Set(base);
      const added = image.filter((line) => !before.has(line)).map((line) => line.split("\t")[0]!);
      expect(new Set(added.map((path) => path.split("/").slice(0, 2).join("/")))).toEqual(
        new Set(["app", "app/app.py", "app/requirements.txt", "opt/venv"]),
      );
    });

    test("settings are inherited as Docker does, and the base is named by what it was asked as and by digest", async () => {
      const own = world.project("own", {
        ...app,
        "cambium.yaml": `from: ${second}\npython: requirements.txt\ncopy: app.py\ncmd: [app.py]\nenv: { OURS: 1 }\nlabel: { both: ours }\nexpose: [9090]\n`,
      });
      const tag = `${world.registry.address}/own:1`;
      await machine.build(own, "-t", tag, "--push");
      const { config } = skopeo("inspect", "--config", remote(tag)) as {
        config: Record<string, unknown> & { Env: string[] };
      };
      expect(config).toMatchObject({
        User: "65534",
        Entrypoint: ["/usr/bin/python3"],
        Cmd: ["app.py"],
        Labels: { theirs: "label", both: "ours" },
        ExposedPorts: { "8080/tcp": {}, "9090/tcp": {} },
        Volumes: { "/theirs": {} },
        StopSignal: "SIGINT",
      });
      expect(config.Env).toEqual(
        expect.arrayContaining([
          "PATH=/opt/venv/bin:/theirs/bin:/usr/bin:/bin",
          ...["THEIRS=yes", "LANG=de_DE.UTF-8", "OURS=1", "VIRTUAL_ENV=/opt/venv"],
        ]),
      );
      expect(new Set(config.Env.map((line) => line.split("=")[0])).size).toBe(config.Env.length);
      const manifest = skopeo("inspect", "--raw", remote(tag)) as { annotations: Record<string, string> };
      const { Digest } = skopeo("inspect", remote(second)) as { Digest: string };
      expect(manifest.annotations).toMatchObject({
        "org.opencontainers.image.base.name": second,
        "org.opencontainers.image.base.digest": Digest,
      });
    });

    test("runs, from a machine that has to fetch it all, and is valid", async () => {
      const other = world.machine("runs");
      const tag = `${world.registry.address}/app:1`;
      const code = "import light, binary, sys; print(light.name, binary.name, sys.prefix)";
      const ran = await other.run(["run", "--image", tag, "--", "python", "-c", code]);
      expect(ran.stdout, ran.stderr).toBe("light binary /opt/venv\n");
      const report = await other.run(["validate", tag, "--json"]);
      expect(JSON.parse(report.stdout)).toMatchObject({ digest: onFirst.digest, problems: [] });
    });

    const remote = (reference: string) => `docker://${reference}`;

    function skopeo(command: string, ...args: readonly string[]): unknown {
      const insecure = args.some((arg) => arg.startsWith("docker:")) ? ["--tls-verify=false"] : [];
      return JSON.parse(
        execFileSync(toolOf("skopeo"), [command, ...insecure, ...args], { encoding: "utf8" }),
      );
    }

    /** Every path with type, mode, owner, and what a link says or a file has, as umoci unpacks it. */
    function treeOf(reference: string, name: string): string[] {
      const root = unpackRemoteImage(reference, world.at(name));
      const found = execFileSync(
        "find",
        [
          root,
          "-mindepth",
          "1",
          ...["-type", "f", "-printf", "%P\\t%y\\t%m\\t%U:%G\\t%s %T@\\0"],
          ...["-o", "-printf", "%P\\t%y\\t%m\\t%U:%G\\t%l\\0"],
        ],
        { encoding: "utf8", maxBuffer: 1 << 28 },
      );
      return found.split("\0").filter((line) => line !== "");
    }
  },
);
