import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DebianLock, Suite } from "../../src/ecosystems/debian/lock.ts";
import { mergedPath } from "../../src/ecosystems/debian/paths.ts";
import { seedPackages } from "../../src/ecosystems/debian/seed.ts";
import {
  type BuiltBase,
  buildBase,
  type DebianWorkshop,
  lockFor,
  openWorkshop,
  writeRootfs,
} from "../support/debian.ts";
import { debootstrapTree } from "../support/debootstrap.ts";
import { type DpkgFacts, dpkgFacts, packageOfInfo } from "../support/dpkg-database.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { differences } from "./differences.ts";
import "../support/in-memory.ts";

/** What stands at a path, as one line that can be compared; `content` is the sha256 of a file. */
type Node = { readonly meta: string; readonly content: string };

const folder = temporaryFolder();
let workshop: DebianWorkshop & AsyncDisposable;
beforeAll(() => {
  workshop = openWorkshop(folder.at("store"));
});
afterAll(async () => {
  await workshop[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

describe.for(["bookworm", "trixie"] as const)("a computed %s", (suite: Suite) => {
  const installed = folder.at(suite, "debootstrap");
  const computed = folder.at(suite, "computed");
  let base: BuiltBase;
  let lock: DebianLock;

  beforeAll(async () => {
    lock = await lockFor(workshop, suite, "standard", ["amd64"]);
    base = await buildBase(workshop, lock, "amd64");
    mkdirSync(computed, { recursive: true });
    writeRootfs(base, computed);
    const repository = folder.at(suite, "repository");
    await debootstrapTree(workshop, suite, "amd64", seedPackages("standard"), installed, repository);
  });

  test("equals what debootstrap installs: path, type, mode, owner, link, bytes; listed differences only", () => {
    const foreign = pathsOfOtherPackages(installed, lock);
    const theirs = nodesOf(installed);
    const ours = nodesOf(computed);
    const unexplained: string[] = [];
    const used = new Set<number>();
    const explain = (only: "debootstrap" | "ours" | "both", path: string, detail: string): void => {
      const index = differences.findIndex((rule) => rule.only === only && rule.path.test(path));
      if (index < 0) unexplained.push(`${only}: ${path} ${detail}`);
      else used.add(index);
    };
    for (const [path, node] of theirs) {
      const mine = ours.get(path);
      if (mine === undefined) {
        if (!foreign(path)) explain("debootstrap", path, node.meta);
      } else if (mine.meta !== node.meta || mine.content !== node.content) {
        explain("both", path, `${node.meta} | ${mine.meta}`);
      }
    }
    for (const [path, node] of ours) if (!theirs.has(path)) explain("ours", path, node.meta);
    expect(unexplained).toEqual([]);
    const stale = differences.filter(
      (rule, index) => !used.has(index) && (rule.suites === undefined || rule.suites.includes(suite)),
    );
    expect(stale).toEqual([]);
  });

  test("has dpkg's database of its packages, but for what is left out", () => {
    const theirs = dpkgFacts(installed);
    const ours = dpkgFacts(computed);
    const isOurs = (name: string) => ours.status.has(name);
    expect(ours.status.size).toBeGreaterThan(50);
    expect([...theirs.status].filter(([name]) => isOurs(name))).toEqual([...ours.status]);
    const leftOut =
      /^(?:[0-9a-f]{32} {2}|\/)usr\/share\/(?:man|info|locale|doc)(?:\/(?![^/]+\/copyright$).*)?$/;
    const present = (name: string, text: string) =>
      /\.(list|md5sums)$/.test(name)
        ? text
            .split("\n")
            .filter((line) => !leftOut.test(line) || ours.info.get(name)?.text.includes(`${line}\n`))
        : text;
    const info = (facts: DpkgFacts) =>
      [...facts.info]
        .filter(([name]) => name === "format" || isOurs(packageOfInfo(name)))
        .map(([name, { mode, text }]) => ({ name, mode, text: present(name, text) }));
    expect(info(ours)).toEqual(info(theirs));
    for (const [name, text] of ours.rest) {
      expect({ name, text }).toEqual({ name, text: theirs.rest.get(name) });
    }
    // Of pages that are left out, and of util-linux, which is not ours.
    const missing = [...theirs.rest.keys()].filter((name) => !ours.rest.has(name));
    expect(missing).toEqual(["alternatives/builtins.7.gz", "alternatives/pager"]);
  });

  test("has the same accounts, dates aside", () => {
    const undated = (root: string) =>
      readFileSync(join(root, "etc/shadow"), "utf8").replace(/^([^:]*:[^:]*):\d+:/gm, "$1:DAY:");
    expect(undated(computed)).toBe(undated(installed));
    for (const name of ["passwd", "group", "gshadow"]) {
      expect(readFileSync(join(computed, "etc", name), "utf8")).toBe(
        readFileSync(join(installed, "etc", name), "utf8"),
      );
    }
  });

  test("has the ld.so.cache that its own ldconfig writes", () => {
    const copy = folder.at(suite, "ldconfig");
    execFileSync("cp", ["-a", computed, copy]);
    rmSync(join(copy, "etc/ld.so.cache"));
    execFileSync("chroot", [copy, "/sbin/ldconfig"]);
    const want = readFileSync(join(copy, "etc/ld.so.cache"));
    expect(readFileSync(join(computed, "etc/ld.so.cache")).equals(want)).toBe(true);
  });

  test("runs Python with names, accounts, certificates and libraries", () => {
    const root = folder.at(suite, "run");
    cpSync(computed, root, { recursive: true, verbatimSymlinks: true });
    execFileSync("mknod", ["-m", "666", join(root, "dev/null"), "c", "1", "3"]);
    const program = [
      "import ssl, sqlite3, ctypes.util, pwd, socket, zoneinfo, bz2, lzma, readline, curses",
      "assert socket.getaddrinfo('localhost', 80)",
      "print(pwd.getpwuid(0).pw_dir, ctypes.util.find_library('c'), zoneinfo.ZoneInfo('Europe/Berlin').key)",
      "print(len(ssl.create_default_context().get_ca_certs()) > 100)",
      "print(ctypes.CDLL(ctypes.util.find_library('ssl')) is not None)",
    ].join("\n");
    const output = execFileSync("chroot", [root, "/usr/bin/python3", "-c", program], { encoding: "utf8" });
    expect(output).toBe("/root libc.so.6 Europe/Berlin\nTrue\nTrue\n");
    expect(
      execFileSync("chroot", [root, "/bin/sh", "-c", "echo a b | awk '{print $2}'; which awk"], {
        encoding: "utf8",
      }),
    ).toBe("b\n/usr/bin/awk\n");
    const verified = execFileSync(
      "chroot",
      [root, "/usr/bin/openssl", "verify", "-CApath", "/etc/ssl/certs", "/etc/ssl/certs/ISRG_Root_X1.pem"],
      { encoding: "utf8" },
    );
    expect(verified).toContain(": OK");
  });
});

/** Everything below a root. Directories of the kernel are as empty as they are; times are not compared. */
function nodesOf(root: string): Map<string, Node> {
  const nodes = new Map<string, Node>();
  const lines = execFileSync("find", [root, "-mindepth", "1", "-printf", "%P\\t%y\\t%m\\t%U:%G\\t%l\\0"], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  for (const line of lines.split("\0")) {
    const [path = "", type = "", mode = "", owner = "", target = ""] = line.split("\t");
    if (path === "") continue;
    const content =
      type === "f"
        ? createHash("sha256")
            .update(readFileSync(join(root, path)))
            .digest("hex")
        : "";
    nodes.set(path, { meta: `${type} ${mode} ${owner} ${target}`, content });
  }
  return nodes;
}

/**
 * Whether a path is there only because of packages that debootstrap's minbase adds to ours: by dpkg's own lists, and
 * for what their scripts made, by the list below.
 */
function pathsOfOtherPackages(root: string, lock: DebianLock): (path: string) => boolean {
  const ours = new Set(lock.targets.amd64?.map((deb) => deb.name));
  const info = join(root, "var/lib/dpkg/info");
  const foreign = new Set<string>();
  for (const name of readdirSync(info)) {
    if (name === "format" || ours.has(packageOfInfo(name))) continue;
    foreign.add(`var/lib/dpkg/info/${name}`);
    if (!name.endsWith(".list")) continue;
    for (const line of readFileSync(join(info, name), "utf8").split("\n"))
      foreign.add(mergedPath(line.slice(1), false));
  }
  const made = [
    // libpam-runtime, libpam-modules, login, passwd
    /^etc\/pam\.d\/common-/,
    /^var\/lib\/pam\//,
    /^etc\/(environment|security\/opasswd)$/,
    /^var\/log\/faillog$/,
    // services of apt, dpkg, util-linux, e2fsprogs, by init-system-helpers
    /^etc\/systemd\//,
    /^etc\/rc[0-6S]\.d\//,
    /^var\/lib\/systemd\//,
    // util-linux
    /^(usr\/bin|etc\/alternatives|var\/lib\/dpkg\/alternatives)\/pager$/,
    /^run\/mount$/,
    // apt and what debootstrap downloads for it
    /^var\/(lib|cache)\/apt\//,
    /^etc\/apt\/(trusted|preferences)/,
  ];
  return (path) => foreign.has(path) || made.some((pattern) => pattern.test(path));
}
