import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { folderView, resolveInside } from "../../src/engine/embedded/inside.ts";
import { needs } from "../support/needs.ts";
import { elfFiles } from "./elf-resolution.ts";
import { lendTools } from "./lent.ts";
import { registryTests } from "./registry-tests.ts";
import { buildSet, project, type SetImages, suites } from "./set-images.ts";
import { difference, treeOf } from "./trees.ts";
import { done, tool, validated } from "./workplace.ts";
import "../support/in-memory.ts";

const hasTools = needs("runc", "skopeo", "umoci", "docker-registry", "buildkitd", "buildctl", "root");

/** What `set/probe.py` prints. */
type Probe = {
  readonly python: string;
  readonly modules: Readonly<Record<string, readonly string[]>>;
  readonly failures: Readonly<Record<string, string>>;
  readonly elf: { readonly count: number; readonly unresolved: Readonly<Record<string, readonly string[]>> };
  readonly pipCheck: Output;
  readonly pipList: Output;
  readonly uvList: Output;
  readonly uvCheck: Output;
  readonly scripts: readonly Output[];
  readonly program: Output;
  readonly touched: readonly string[];
  readonly uninstall: Output;
  readonly six: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly pipCheckAfter: Output;
};
type Output = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };
type Listed = readonly { readonly name: string; readonly version: string }[];

const works = expect.objectContaining({ exitCode: 0 });
const pins = readFileSync(join(project, "requirements.txt"), "utf8").matchAll(/^([a-z0-9-]+)==(\S+)/gm);
/** `name version`, as the requirements have it. */
const pinned = [...pins].map(([, name, version]) => `${name} ${version}`).sort();

describe.runIf(hasTools).for(suites)("the pinned set on $suite", ({ suite, python }) => {
  let images: SetImages;
  beforeAll(async () => {
    images = await buildSet({ suite, python } as (typeof suites)[number]);
  });
  afterAll(() => images?.[Symbol.dispose]());

  describe("under runc", () => {
    let probe: Probe;
    beforeAll(async () => {
      const lent = await lendTools(images.at("lent"));
      const volumes = ["-v", `${lent}:/lent:ro`, "-v", `${project}/probe.py:/probe.py:ro`];
      const options = ["-u", "0", "-w", "/", "-e", "PYTHONDONTWRITEBYTECODE=1", ...volumes];
      probe = JSON.parse(
        await done(["run", "--image", images.tag, ...options, "python", "/probe.py"]),
      ) as Probe;
    });

    test("the project's program works", () => {
      expect(probe.program).toEqual(works);
      expect(JSON.parse(probe.program.stdout)).toEqual({
        cryptography: "secret",
        numpy: expect.closeTo(6),
        pillow: [255, 0, 0],
        protobuf: "1970-01-02T00:00:00Z",
        pydantic: 3,
        sqlalchemy: 42,
        user: "app",
        yaml: { a: [1, 2] },
      });
    });

    test("every top-level module imports, those of namespaces too", () => {
      expect(probe.python).toMatch(new RegExp(`^${python.replace(".", "\\.")}\\.`));
      const names = Object.values(probe.modules).flat();
      expect(Object.entries(probe.modules).filter(([, modules]) => modules.length === 0)).toEqual([]);
      expect(names).toEqual(
        expect.arrayContaining(["google.protobuf", "google.api_core", "zope.interface", "_yaml"]),
      );
      expect(names.length).toBeGreaterThan(100);
      // These import grpcio, which googleapis-common-protos does not require.
      expect(Object.keys(probe.failures).sort()).toEqual([
        "google.longrunning.operations_grpc",
        "google.longrunning.operations_grpc_pb2",
        "google.longrunning.operations_pb2_grpc",
      ]);
      expect(new Set(Object.values(probe.failures))).toEqual(
        new Set(["ModuleNotFoundError: No module named 'grpc'"]),
      );
    });

    test("console scripts, entry points and binaries of wheels run", () => {
      expect(probe.scripts).toEqual([works, works, works]);
    });

    test("pip and uv find every distribution at its version, and nothing broken", () => {
      expect(probe.pipCheck).toMatchObject({ exitCode: 0, stdout: "No broken requirements found.\n" });
      expect(probe.uvCheck).toEqual(works);
      const lent = (name: string) => name === "pip";
      expect(listed(probe.pipList.stdout).filter((line) => !lent(line.split(" ")[0]!))).toEqual(pinned);
      expect(listed(probe.uvList.stdout)).toEqual(pinned);
      expect(pinned.length).toBeGreaterThanOrEqual(60);
    });

    test("pip uninstalls a distribution to the last file, and touches nothing else", () => {
      expect(probe.uninstall).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("Success") });
      const site = "/opt/venv/lib/python3/site-packages";
      const recorded = probe.six.map((path) => path.replace(`python${python}/`, "python3/"));
      expect(recorded).toContain(`${site}/six.py`);
      const folder = recorded.find((path) => path.endsWith("/RECORD"))?.slice(0, -"/RECORD".length);
      expect(probe.removed).toEqual([...recorded, folder].sort());
      expect([...probe.touched, ...probe.changed]).toEqual([]);
      expect(probe.pipCheckAfter).toEqual(works);
    });

    test("the image's own loader finds every library that an ELF file needs, as our look-up does", async () => {
      expect(probe.elf.unresolved).toEqual({});
      const { files, unresolved } = await elfFiles(images.rootfs.amd64, "amd64");
      expect(unresolved).toEqual({});
      expect([...files.values()].filter(({ architecture }) => architecture !== "amd64")).toEqual([]);
      expect(files.size).toBe(probe.elf.count);
    });
  });

  test("every ELF file of the arm64 image is AArch64, and all that it needs is inside", async () => {
    const { files, unresolved } = await elfFiles(images.rootfs.arm64, "arm64");
    expect([...files].filter(([, { architecture }]) => architecture !== "arm64")).toEqual([]);
    expect(unresolved).toEqual({});
    const modules = [...files.keys()].filter((path) => path.startsWith("/opt/venv/"));
    expect(modules.filter((path) => /\/(numpy|PIL|yaml)\//.test(path)).length).toBeGreaterThan(20);
    const python = files.get(`/usr/bin/python${suite === "bookworm" ? "3.11" : "3.13"}`);
    expect(python?.interpreter).toBe("/lib/ld-linux-aarch64.so.1");
  });

  test.for(["amd64", "arm64"] as const)(
    "every link of the %s image leads to something inside",
    async (architecture) => {
      const root = images.rootfs[architecture];
      const found = await tool("find", root, "-type", "l", "-printf", "%P\\t%l\\0");
      const links = found.split("\0").slice(0, -1);
      expect(links.length).toBeGreaterThan(100);
      const wrong = links.filter((line) => {
        const [path = "", target = ""] = line.split("\t");
        return climbs(path, target) || resolveInside(folderView(root), path) === undefined;
      });
      expect(wrong).toEqual([]);
    },
  );

  test("validate recomputes every form, and no layer hides or changes what is below it", async () => {
    for (const [source, manifests] of [
      [images.layout, 2],
      [images.ociTar, 2],
      [images.dockerTar, 1],
    ] as const) {
      const report = await validated(source);
      expect(report).toMatchObject({ problems: [], checked: { manifests } });
      expect(report.checked.layers).toBeLessThanOrEqual(64 * manifests);
      expect(report.checked.entries).toBeGreaterThan(5000);
    }
  });

  test("building again gives the same bytes, computed anew or taken from the store", async () => {
    const again = images.at("again");
    const both = ["--platform", "linux/amd64,linux/arm64", "-t", images.tag];
    const digest = await done([
      "build",
      project,
      "--python",
      python,
      ...both,
      "-o",
      `type=oci,dest=${again}`,
    ]);
    expect(digest.trim()).toBe(images.digest);
    const blobs = blobsOf(await treeOf(images.layout));
    expect(blobsOf(await treeOf(again))).toEqual(blobs);
    const recomputed = blobsOf(await treeOf(images.amd64));
    expect(recomputed.length).toBeGreaterThan(20);
    expect(recomputed.filter((blob) => !blobs.includes(blob))).toEqual([]);
  });

  registryTests(suite, python, () => images);

  // Forms do not depend on the suite; a second time these would cost the check a minute.
  if (suite !== suites[0].suite) return;

  describe("what other tools make of it", () => {
    test("umoci unpacks to the tree that we unpack, and so does GNU tar of our tar", async () => {
      await tool("umoci", "unpack", "--image", `${images.amd64}:${suite}`, images.at("bundle"));
      const ours = await treeOf(images.rootfs.amd64);
      expect(ours.length).toBeGreaterThan(5000);
      expect(difference(ours, await treeOf(images.at("bundle", "rootfs")))).toEqual(same);
      await tool("mkdir", images.at("extracted"));
      // Without it GNU tar sets a directory's time as soon as it goes on to another.
      const options = ["--numeric-owner", "--delay-directory-restore", "-xpf"];
      await tool("tar", "-C", images.at("extracted"), ...options, images.rootfsTar);
      expect(difference(ours, await treeOf(images.at("extracted")))).toEqual(same);
    });

    test("skopeo copies both platforms of layout and tar, and the digest stays", async () => {
      for (const source of [`oci:${images.layout}:${suite}`, `oci-archive:${images.ociTar}:${suite}`]) {
        const copy = images.at(source.startsWith("oci:") ? "copy" : "copy-tar");
        await tool("skopeo", "copy", "--quiet", "--all", "--preserve-digests", source, `dir:${copy}`);
        expect((await tool("sha256sum", join(copy, "manifest.json"))).slice(0, 64)).toBe(
          images.digest.slice("sha256:".length),
        );
      }
      for (const architecture of ["amd64", "arm64"]) {
        const override = [`--override-arch=${architecture}`, `oci:${images.layout}:${suite}`];
        const inspected = JSON.parse(await tool("skopeo", "inspect", ...override)) as object;
        expect(inspected).toMatchObject({ Architecture: architecture, Os: "linux" });
      }
    });

    test("skopeo reads our docker archive, and makes one of our layout, with the same layers", async () => {
      const made = images.at("made.tar");
      await tool("skopeo", "copy", "--quiet", `oci:${images.amd64}:${suite}`, `docker-archive:${made}:one:1`);
      const configs: unknown[] = [];
      for (const source of [
        `oci:${images.amd64}:${suite}`,
        `docker-archive:${images.dockerTar}:one:${suite}`,
        `docker-archive:${made}:one:1`,
      ]) {
        configs.push(JSON.parse(await tool("skopeo", "inspect", "--config", source)));
      }
      expect(configs[0]).toMatchObject({
        architecture: "amd64",
        config: { User: "app", WorkingDir: "/app" },
      });
      expect(configs[1]).toEqual(configs[0]);
      expect(configs[2]).toEqual(configs[0]);
      const copy = images.at("from-docker");
      await tool(
        "skopeo",
        "copy",
        "--quiet",
        `docker-archive:${images.dockerTar}:one:${suite}`,
        `dir:${copy}`,
      );
    });
  });
});

const same = { onlyOurs: [], onlyTheirs: [] };

function listed(json: string): string[] {
  const normal = (name: string) => name.toLowerCase().replace(/[-_.]+/g, "-");
  return (JSON.parse(json) as Listed).map(({ name, version }) => `${normal(name)} ${version}`).sort();
}

/** A relative target that leaves the root on its way. */
function climbs(path: string, target: string): boolean {
  let depth = path.split("/").length - 1;
  if (target.startsWith("/")) depth = 0;
  return target.split("/").some((part) => {
    if (part === "..") depth -= 1;
    else if (part !== "." && part !== "") depth += 1;
    return depth < 0;
  });
}

/** Blobs of an image layout: the digest is in the name, and `validate` has compared it with the content. */
function blobsOf(tree: readonly string[]): string[] {
  return tree.flatMap((line) => line.match(/^blobs\/sha256\/[0-9a-f]{64}/)?.[0] ?? []);
}
