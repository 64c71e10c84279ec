import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Suite } from "../../src/ecosystems/debian/lock.ts";
import { buildBase, type DebianWorkshop, lockFor, openWorkshop, writeRootfs } from "../support/debian.ts";
import { dpkgFacts, packageOfInfo } from "../support/dpkg-database.ts";
import { needs } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import "../support/in-memory.ts";

/** Packages of which we say that their alternatives are known, and util-linux, which has `more`. */
const PACKAGES = [
  ...["gawk", "less", "nano", "netcat-openbsd", "netcat-traditional", "util-linux"],
  ...["libblas3", "liblapack3", "libopenblas0-pthread"],
];
/** With what they need three quarters of the time: of one suite. */
const COMPILERS = ["g++", "gcc"];
const INFO = "var/lib/dpkg/info";
const NOTES = "var/lib/dpkg/alternatives";

describe.runIf(needs("root"))("alternatives", () => {
  const folder = temporaryFolder();
  let workshop: DebianWorkshop & AsyncDisposable;
  beforeAll(() => {
    workshop = openWorkshop(folder.at("store"));
  });
  afterAll(async () => {
    await workshop[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  test.for(["bookworm", "trixie"] as const)(
    "of a computed %s are what its own scripts make",
    async (suite: Suite) => {
      const packages = suite === "trixie" ? [...PACKAGES, ...COMPILERS] : PACKAGES;
      const lock = await lockFor(workshop, suite, "standard", ["amd64"], packages);
      const root = folder.at(suite);
      mkdirSync(root);
      writeRootfs(await buildBase(workshop, lock, "amd64"), root);
      const computed = alternativesOf(root);
      expect(computed.links.length).toBeGreaterThan(20);
      for (const line of computed.links) rmSync(join(root, line.split(" -> ")[0]!));
      rmSync(join(root, NOTES), { recursive: true });
      mkdirSync(join(root, NOTES));
      runScripts(root);
      expect(computed).toEqual(alternativesOf(root));
    },
  );
});

/** Links that belong to update-alternatives, and its own notes. */
function alternativesOf(root: string) {
  const find = [
    "-type",
    "l",
    "(",
    "-lname",
    "/etc/alternatives/*",
    "-o",
    "-path",
    `${root}/etc/alternatives/*`,
    ")",
  ];
  const links = execFileSync("find", [root, ...find, "-printf", "%P -> %l\\n"], { encoding: "utf8" });
  const notes = [...dpkgFacts(root).rest].filter(([name]) => name.startsWith("alternatives/"));
  return { links: links.trim().split("\n").sort(), notes };
}

/** As dpkg runs them when it configures a package for the first time. */
function runScripts(root: string): void {
  execFileSync("mknod", ["-m", "666", join(root, "dev/null"), "c", "1", "3"]);
  for (const name of readdirSync(join(root, INFO)).filter((member) => member.endsWith(".postinst"))) {
    if (!readFileSync(join(root, INFO, name), "latin1").includes("update-alternatives")) continue;
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DPKG_MAINTSCRIPT_PACKAGE: packageOfInfo(name) };
    execFileSync("chroot", [root, `/${INFO}/${name}`, "configure", ""], {
      env: { ...env, DPKG_MAINTSCRIPT_NAME: "postinst", DEBIAN_FRONTEND: "noninteractive" },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }
}
