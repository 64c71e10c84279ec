import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadImage } from "../../src/image/load.ts";
import { parseReference } from "../../src/image/reference.ts";
import type { Layer } from "../../src/layer/layer.ts";
import { createRegistryAccess } from "../../src/registry/access.ts";
import { openRemoteImage } from "../../src/registry/remote-image.ts";
import { startBuildKit, type TestBuildKit } from "../support/buildkit.ts";
import { type RealEngine, startContainerd } from "../support/engines.ts";
import { entriesOfFolder } from "../support/found-tree.ts";
import { AMD64 } from "../support/images.ts";
import { definitionOf } from "../support/llb.ts";
import { needs } from "../support/needs.ts";
import { type BaseWorld, type Machine, moduleWheel, startBaseWorld } from "../support/registry-bases.ts";
import { unpackRemoteImage } from "../support/umoci.ts";

const usual = [/^\["lib", "l 777", "0:0", "usr\/lib"/, /^\["root", "d 700"/, /^\["tmp", "d 1777"/];

/** As a Dockerfile of somebody else leaves a base: what layers can say, and paths that packages go through. */
const changeBase = `
import os, shutil, struct

def write(path, text, mode, uid, gid):
    with open(path, "w") as file:
        file.write(text)
    os.chown(path, uid, gid)
    os.chmod(path, mode)
    # Whole seconds: BuildKit's exporters differ in how they round.
    os.utime(path, (10**9, 10**9))

for name, mode, uid, gid in [
    ("/srv", 0o2770, 9, 9),
    ("/srv/app", 0o1755, 1500, 7),
    ("/srv/opt", 0o775, 7, 7),
    ("/usr/share", 0o751, 0, 3),
]:
    os.makedirs(name, exist_ok=True)
    os.chown(name, uid, gid)
    os.chmod(name, mode)
os.symlink("srv/app", "/app")
os.rmdir("/opt")
os.symlink("/srv/opt", "/opt")
write("/opt/theirs", "theirs", 0o4750, 7, 8)
os.link("/opt/theirs", "/srv/twin")
os.symlink("/nowhere", "/srv/dangling")
os.mkfifo("/srv/pipe", 0o600)
# CAP_NET_RAW, permitted. Layers of BuildKit have no other xattrs.
os.setxattr("/opt/theirs", "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))
with open("/etc/passwd") as file:
    write("/etc/passwd", file.read() + "theirs:x:1500:1500::/srv:/bin/false\\n", 0o640, 0, 0)
os.remove("/etc/debian_version")
shutil.rmtree("/usr/share/doc")
os.mkdir("/usr/share/doc", 0o700)
write("/usr/share/doc/theirs", "theirs", 0o604, 65534, 65534)
`;

import "../support/in-memory.ts";

/** What of that must have come as far as the base's tree. */
const changed = [
  /^\["opt", "l 777", "0:0", "\/srv\/opt"/,
  /^\["srv\/app", "d 1755", "1500:7"/,
  /^\["srv\/opt", "d 775", "7:7"/,
  /^\["srv\/opt\/theirs", "- 4750", "7:8", ".*", "", \{"security.capability": "01000002002/,
  /^\["srv\/pipe", "p 600"/,
  /^\["srv\/twin", "- 4750", "7:8", ".*", "srv\/opt\/theirs"/,
  /^\["usr\/share", "d 751", "0:3"/,
  /^\["usr\/share\/doc", "d 700"/,
];

describe.runIf(
  needs(
    "docker-registry",
    "skopeo",
    "umoci",
    "buildkitd",
    "buildctl",
    "containerd",
    "ctr",
    "runc",
    "python3",
    "root",
  ),
)("base and package layers, merged", () => {
  let world: BaseWorld;
  let buildKit: TestBuildKit;
  let containerd: RealEngine;
  let machine: Machine;
  const access = createRegistryAccess({ env: {}, emit: () => undefined });

  beforeAll(async () => {
    world = await startBaseWorld([
      moduleWheel("light"),
      moduleWheel("binary", { tag: "cp313-cp313-manylinux_2_17_x86_64" }),
    ]);
    machine = world.machine("machine");
    buildKit = await startBuildKit();
    containerd = await startContainerd();
    const { layers } = await world.debian();
    const debian = await world.pushBase("computed:1", layers);
    const dockerfile = [
      `FROM ${debian}`,
      `RUN --mount=type=bind,source=change.py,target=/mnt/change.py ["/usr/bin/python3", "-B", "/mnt/change.py"]`,
      `RUN ["/usr/bin/python3", "-Bc", "import os; os.rename('/usr/share/doc/theirs', '/srv/moved')"]`,
    ];
    const output = `type=image,name=${world.registry.address}/buildkit:1,push=true,registry.insecure=true`;
    await buildKit.build(dockerfile.join("\n"), output, { "change.py": changeBase });
  });
  afterAll(async () => {
    await access.close();
    await containerd?.[Symbol.asyncDispose]();
    await buildKit?.[Symbol.asyncDispose]();
    await world?.[Symbol.asyncDispose]();
  });

  describe.each([
    { name: "computed", venv: "opt/venv", app: "app", has: usual },
    { name: "buildkit", venv: "srv/opt/venv", app: "srv/app", has: [...usual, ...changed] },
  ])("on a $name base", ({ name, venv, app, has }) => {
    const reference = (tag: string) => `${world.registry.address}/${name}:${tag}`;
    let base: readonly string[];
    /** As umoci unpacks what we built. */
    let image: readonly string[];

    beforeAll(async () => {
      const project = world.project(`project-${name}`, {
        "cambium.yaml": `from: ${reference("1")}\npython: requirements.txt\napt: [jq]\ncopy: app.py\n`,
        "requirements.txt": "light==1.0\nbinary==1.0\n",
        "app.py": "import light\n",
      });
      await machine.build(project, "-t", reference("app"), "--push");
      base = entriesOfFolder(unpackRemoteImage(reference("1"), world.at(`${name}-base`)));
      image = entriesOfFolder(unpackRemoteImage(reference("app"), world.at(`${name}-app`)));
      // Nothing but what we put on the base.
      const own = (await layersOf(reference("app"))).slice((await layersOf(reference("1"))).length);
      await world.pushBase(`${name}:packages`, own);
    });

    test("every entry of the base is as it was, and those of the packages are there", () => {
      const [before, after] = [new Set(base), new Set(image)];
      expect(base.length).toBeGreaterThan(1000);
      for (const line of has) expect(base).toContainEqual(expect.stringMatching(line));
      expect(base.filter((line) => !after.has(line))).toEqual([]);
      const added = image.filter((line) => !before.has(line)).map(pathOf);
      expect(added).toEqual(
        expect.arrayContaining([
          `${app}/app.py`,
          `${venv}/lib/python3/site-packages/light/__init__.py`,
          `${venv}/lib/python3/site-packages/binary/__init__.py`,
          ...["usr/bin/jq", "usr/lib/x86_64-linux-gnu/libjq.so.1", "usr/share/doc/jq/copyright"],
        ]),
      );
      const ofPackages = new RegExp(`^(?:${app}|${venv}|usr|var/lib/dpkg/status\\.d)(?:/|$)`);
      expect(added.filter((path) => !ofPackages.test(path))).toEqual([]);
    });

    test("containerd mounts the same", () => {
      containerd.client("images", "pull", "--plain-http", reference("app"));
      const mount = world.at(`${name}-mount`);
      mkdirSync(mount);
      containerd.client("images", "mount", reference("app"), mount);
      try {
        expect(entriesOfFolder(mount)).toEqual(image);
      } finally {
        containerd.client("images", "unmount", mount);
      }
    });

    test("BuildKit merges the layers to the same", async () => {
      const tar = world.at(`${name}-merge.tar`);
      const definition = definitionOf({
        merge: [{ image: reference("1") }, { image: reference("packages") }],
      });
      await buildKit.solve(definition, `type=tar,dest=${tar}`);
      expect(entriesOfFolder(extracted(tar))).toEqual(image);
      const pushed = `type=image,name=${reference("merged")},push=true,registry.insecure=true`;
      await buildKit.solve(definition, pushed);
      const digests = async (tag: string) =>
        (await layersOf(reference(tag))).map(({ descriptor }) => descriptor.digest);
      expect(await digests("merged")).toEqual(await digests("app"));
    });

    test("BuildKit copies the packages onto the base to the same", async () => {
      const tar = world.at(`${name}-copy.tar`);
      const dockerfile = `FROM ${reference("1")}\nCOPY --link --from=${reference("packages")} / /\n`;
      await buildKit.build(dockerfile, `type=tar,dest=${tar}`);
      expect(entriesOfFolder(extracted(tar))).toEqual(image);
    });
  });

  function pathOf(line: string): string {
    return (JSON.parse(line) as [string])[0];
  }

  async function layersOf(reference: string): Promise<readonly Layer[]> {
    const source = await openRemoteImage(parseReference(reference, "test"), access);
    return (await loadImage(source, AMD64)).layers;
  }

  function extracted(tar: string): string {
    const folder = tar.replace(/\.tar$/, "");
    mkdirSync(folder);
    execFileSync("tar", ["-xpf", tar, "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", folder]);
    return folder;
  }
});
