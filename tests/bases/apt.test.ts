import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BASE_FILES } from "../../src/ecosystems/read-base.ts";
import type { ImageTree } from "../../src/image/image-tree.ts";
import { mergeListings } from "../../src/image/merge-listings.ts";
import { readLayer } from "../../src/image/read-layer.ts";
import { layerOf } from "../support/layers.ts";
import { needs, toolOf } from "../support/needs.ts";
import { expectFailure } from "../support/reference.ts";
import { type BaseWorld, type Built, type Machine, startBaseWorld } from "../support/registry-bases.ts";
import "../support/in-memory.ts";

/** What jq depends on besides libc6, which the base has. */
const ADDED = ["jq", "libjq1", "libonig5"];
const PASSWD =
  "root:x:0:0:Theirs:/root:/usr/sbin/nologin\n# kept\ndaemon:x:1:1::/:/usr/sbin/nologin\nweb:x:1000:1000::/srv:/bin/false";

/** Debian's packages and accounts on an image of a registry, read by the real dpkg. */
describe.runIf(needs("docker-registry", "skopeo", "umoci", "dpkg-query", "root"))(
  "apt: on a registry base",
  () => {
    let world: BaseWorld;
    let machine: Machine;
    let tree: ImageTree;
    let withDpkg: string;
    let withoutDpkg: string;
    let status: string;

    beforeAll(async () => {
      world = await startBaseWorld([]);
      machine = world.machine("machine");
      const { layers } = await world.debian();
      const listings = [];
      for (const layer of layers) listings.push(await readLayer(layer, BASE_FILES));
      tree = mergeListings(listings, "base");
      // As dpkg would have it, of the packages that are there.
      const names = [...tree.entries()].flatMap(
        ({ path }) => /^var\/lib\/dpkg\/status\.d\/([^.]+|.*\d)$/.exec(path)?.[1] ?? [],
      );
      status = names
        .map((name) => tree.text(`var/lib/dpkg/status.d/${name}`) ?? "")
        .filter((text) => text.startsWith("Package: "))
        .map(
          (text) =>
            `${text.trim().replace(/^(Package: .*\n)(?:Status: .*\n)?/, "$1Status: install ok installed\n")}\n`,
        )
        .join("\n");
      const database = layerOf(
        { path: "var/lib/dpkg", directory: true },
        { path: "var/lib/dpkg/info", directory: true },
        { path: "var/lib/dpkg/info/format", file: "1\n" },
        { path: "var/lib/dpkg/status", file: status },
        { path: "etc/passwd", file: PASSWD, mode: 0o640 },
      );
      withDpkg = await world.pushBase("dpkg:1", [...layers, database]);
      withoutDpkg = await world.pushBase("distroless:1", layers);
    });
    afterAll(async () => world?.[Symbol.asyncDispose]());

    const yaml = (base: string, more = "") => `from: ${base}\napt: [jq]\n${more}`;

    async function built(
      name: string,
      text: string,
    ): Promise<{ readonly built: Built; readonly root: string }> {
      const project = world.project(name, { "cambium.yaml": text });
      const layout = world.at(`${name}-layout`);
      const result = await machine.build(project, "-t", "x:1", "-o", `type=oci,dest=${layout}`);
      const bundle = world.at(`${name}-bundle`);
      execFileSync(toolOf("umoci"), ["unpack", "--image", `${layout}:1`, bundle]);
      return { built: result, root: `${bundle}/rootfs` };
    }

    const dpkgQuery = (root: string, ...args: readonly string[]) =>
      execFileSync(toolOf("dpkg-query"), [`--admindir=${root}/var/lib/dpkg`, ...args], { encoding: "utf8" });

    test("only what the base lacks is added, and dpkg reads one database of both", async () => {
      const { built: result, root } = await built("dpkg", yaml(withDpkg));
      expect(result.transcoded.map((name) => name.split(" ")[0]).toSorted()).toEqual(ADDED);
      const rows = dpkgQuery(root, "-W", "-f", `\${Package} \${db:Status-Status}\\n`).trim().split("\n");
      const before = status.match(/^Package: .*/gm)!.map((line) => `${line.slice(9)} installed`);
      expect(rows.toSorted()).toEqual([...before, ...ADDED.map((name) => `${name} installed`)].toSorted());
      expect(readFileSync(`${root}/var/lib/dpkg/status`, "utf8")).toContain(status.split("\n\n")[0]);
      expect(dpkgQuery(root, "-L", "jq").split("\n")).toContain("/usr/bin/jq");
      expect(dpkgQuery(root, "-L", "libjq1")).toMatch(/^\/usr\/lib\/x86_64-linux-gnu\/libjq\.so\.1$/m);
      expect(dpkgQuery(root, "-S", "/usr/bin/jq")).toBe("jq: /usr/bin/jq\n");
      const version = execFileSync("chroot", [root, "/usr/bin/jq", "--version"], { encoding: "utf8" });
      expect(version).toMatch(/^jq-1\./);
      expect(result.warnings).toEqual([]);
    });

    test("an image without dpkg gets none", async () => {
      const { root } = await built("distroless", yaml(withoutDpkg));
      expect(existsSync(`${root}/usr/bin/jq`)).toBe(true);
      expect(existsSync(`${root}/var/lib/dpkg/status`)).toBe(false);
      expect(readFileSync(`${root}/var/lib/dpkg/status.d/jq`, "utf8")).toMatch(/^Package: jq\n/);
    });

    test("the packages' layers are the same on another base", async () => {
      const one = await machine.build(world.project("one", { "cambium.yaml": yaml(withDpkg) }));
      const two = await machine.build(world.project("two", { "cambium.yaml": yaml(withoutDpkg) }));
      const debian = ({ layers }: Built) =>
        layers.filter(
          ({ name }) =>
            name.startsWith("debian jq") ||
            name.startsWith("debian libjq") ||
            name.startsWith("debian libonig"),
        );
      expect(debian(one).length).toBeGreaterThan(0);
      expect(debian(two)).toEqual(debian(one));
      expect(two.transcoded).toEqual([]);
    });

    test("a user is appended: every line that was there stays, with owner and mode of the file", async () => {
      const users = "users: [{ name: app, uid: 1500 }]\nuser: app\n";
      const { root } = await built("user", `from: ${withDpkg}\n${users}`);
      const path = `${root}/etc/passwd`;
      expect(readFileSync(path, "utf8")).toBe(`${PASSWD}\napp:x:1500:1500::/home/app:/usr/sbin/nologin\n`);
      const stat = execFileSync("stat", ["-c", "%a %u:%g", path, `${root}/home/app`], { encoding: "utf8" });
      expect(stat).toBe("640 0:0\n755 1500:1500\n");
      const group = readFileSync(`${root}/etc/group`, "utf8");
      expect(group).toBe(`${tree.text("etc/group")}app:x:1500:\n`);
    });

    test("a user whose name or number the base gives to another is refused, with both", async () => {
      for (const [users, quotes] of [
        ["{ name: app, uid: 1000 }", ["app", "1000", "web"]],
        ["{ name: web, uid: 1600 }", ["web", "uid 1000", "/srv"]],
      ] as const) {
        const project = world.project("conflict", {
          "cambium.yaml": `from: ${withDpkg}\nusers: [${users}]\n`,
        });
        const ran = await machine.run(["build", project, "--platform", "linux/amd64"]);
        expectFailure(ran, { exitCode: 2, code: "USER_INVALID", quotes, hint: /^hint: /m });
      }
    });
  },
);
