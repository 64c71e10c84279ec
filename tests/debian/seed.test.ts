import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Architecture, DebianLock, Suite } from "../../src/ecosystems/debian/lock.ts";
import { debianPython, pythonVersionOf } from "../../src/ecosystems/debian/suites.ts";
import { openTree, type Tree } from "../../src/ecosystems/debian/tree.ts";
import { isElf, readElf } from "../../src/ecosystems/linux/elf.ts";
import { TUPLES } from "../../src/ecosystems/linux/tuples.ts";
import {
  type BuiltBase,
  buildBase,
  compressedSize,
  type DebianWorkshop,
  lockFor,
  openWorkshop,
} from "../support/debian.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import "../support/in-memory.ts";

const folder = temporaryFolder();
let workshop: DebianWorkshop & AsyncDisposable;
beforeAll(() => {
  workshop = openWorkshop(folder.path);
});
afterAll(async () => {
  await workshop[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

describe.for(["bookworm", "trixie"] as const)("the seed of %s", (suite: Suite) => {
  let lock: DebianLock;
  beforeAll(async () => {
    lock = await lockFor(workshop, suite, "standard", ["amd64", "arm64"]);
  });

  test("resolves for both architectures to the same names", () => {
    const names = (architecture: Architecture) => lock.targets[architecture]?.map((deb) => deb.name);
    expect(names("amd64")).toEqual(names("arm64"));
    expect(names("amd64")).toContain("libc6");
    expect(pythonVersionOf(lock, "arm64")).toMatch(new RegExp(`^${debianPython(suite)}\\.\\d+$`));
  });

  test("resolving again gives the same lock, and none of it depends on the order asked", async () => {
    const again = await lockFor(workshop, suite, "standard", ["arm64", "amd64"]);
    expect(again).toEqual(lock);
  });

  test("distroless has neither shell nor dpkg, and is contained in standard", async () => {
    const small = await lockFor(workshop, suite, "distroless", ["amd64"]);
    const names = small.targets.amd64?.map((deb) => deb.name) ?? [];
    for (const absent of ["bash", "dash", "dpkg", "debconf", "mawk", "tar"])
      expect(names).not.toContain(absent);
    const standard = new Set(lock.targets.amd64?.map((deb) => deb.name));
    expect(names.filter((name) => !standard.has(name))).toEqual([]);
  });

  describe.for(["amd64", "arm64"] as const)("on %s", (architecture: Architecture) => {
    let base: BuiltBase;
    beforeAll(async () => {
      base = await buildBase(workshop, lock, architecture);
    });

    test("is 20 to 40 MB compressed", () => {
      const size = compressedSize(base.segments);
      expect(size).toBeGreaterThan(20e6);
      expect(size).toBeLessThan(40e6);
    });

    test("has no path twice but for directories that agree", () => {
      const seen = new Map<string, string>();
      const clashes: string[] = [];
      for (const segment of base.segments) {
        for (const entry of segment.entries) {
          const meta = JSON.stringify([entry.type, entry.mode, entry.uid, entry.gid]);
          const other = seen.get(entry.path);
          if (other !== undefined && (entry.type !== "directory" || other !== meta)) clashes.push(entry.path);
          seen.set(entry.path, meta);
        }
      }
      expect(clashes).toEqual([]);
    });

    test("writes nothing through a merged link", () => {
      const paths = base.segments.flatMap((segment) => segment.entries.map((entry) => entry.path));
      expect(
        paths.filter((path) => /^(bin|sbin|lib|lib32|lib64|libx32|var\/run|var\/lock)\//.test(path)),
      ).toEqual([]);
    });

    test("has only ELF files of the architecture, whose every DT_NEEDED resolves inside", () => {
      const tree = treeOf(base);
      const cached = cachedLibraries(base);
      const wrong: string[] = [];
      let count = 0;
      for (const segment of base.segments) {
        for (const entry of segment.entries) {
          if (entry.type !== "file" || entry.size < 64) continue;
          const bytes = base.read(entry.path);
          if (bytes === undefined || !isElf(bytes)) continue;
          const elf = readElf(bytes);
          count++;
          if (elf?.architecture !== architecture) wrong.push(`${entry.path}: ${elf?.architecture}`);
          for (const needed of elf?.needed ?? []) {
            const origin = `/${entry.path.slice(0, entry.path.lastIndexOf("/"))}`;
            const beside = elf?.runpath.map((path) => `${path.replace("$ORIGIN", origin)}/${needed}`) ?? [];
            const candidates = [...beside, cached.get(needed) ?? ""];
            if (!candidates.some((path) => tree.resolve(path.slice(1)) !== undefined && path !== "")) {
              wrong.push(`${entry.path}: ${needed}`);
            }
          }
          const loader = elf?.interpreter;
          if (loader !== undefined && tree.resolve(loader.slice(1)) === undefined)
            wrong.push(`${entry.path}: ${loader}`);
        }
      }
      expect(wrong).toEqual([]);
      expect(count).toBeGreaterThan(100);
    });

    test("has a loader's cache whose every line leads to a library of that name", () => {
      const tree = treeOf(base);
      const cached = cachedLibraries(base);
      expect(cached.get("libc.so.6")).toBe(`/lib/${TUPLES[architecture]}/libc.so.6`);
      const wrong = [...cached].filter(([name, path]) => {
        const bytes = tree.read(path.slice(1));
        const elf = bytes === undefined ? undefined : readElf(bytes);
        return elf === undefined || (elf.soname ?? name) !== name;
      });
      expect(wrong).toEqual([]);
    });

    test("has no symlink that leads nowhere, but for what a running system or a left-out part provides", () => {
      const tree = treeOf(base);
      const dangling: string[] = [];
      for (const segment of base.segments) {
        for (const entry of segment.entries) {
          if (entry.type === "symlink" && tree.resolve(entry.path) === undefined) dangling.push(entry.path);
        }
      }
      const accepted = /^(etc\/mtab$|usr\/share\/doc\/|usr\/share\/(man|info|locale)\/|usr\/local\/man$)/;
      expect(dangling.filter((path) => !accepted.test(path))).toEqual([]);
    });

    test("tells scanners of every package, with checksums of present files only", () => {
      const tree = treeOf(base);
      for (const { deb } of base.debs) {
        const status = Buffer.from(base.read(`var/lib/dpkg/status.d/${deb.name}`) ?? []).toString();
        expect(status).toContain(`Package: ${deb.name}\nStatus: install ok installed\n`);
        expect(status).toContain(`\nVersion: ${deb.version}\n`);
        const sums = Buffer.from(base.read(`var/lib/dpkg/status.d/${deb.name}.md5sums`) ?? []).toString();
        const absent = sums
          .split("\n")
          .filter((line) => line !== "" && tree.resolve(line.slice(34)) === undefined);
        expect(absent).toEqual([]);
      }
    });
  });
});

function treeOf(base: BuiltBase): Tree {
  return openTree(base.segments, new Map(), base.read);
}

/** Names and paths of the generated ld.so.cache, read by its documented structure (glibc, dl-cache.h). */
function cachedLibraries(base: BuiltBase): Map<string, string> {
  const cache = Buffer.from(base.read("etc/ld.so.cache") ?? []);
  expect(cache.toString("latin1", 0, 20)).toBe("glibc-ld.so.cache1.1");
  const text = (at: number) => cache.toString("latin1", at, cache.indexOf(0, at));
  const libraries = new Map<string, string>();
  for (let i = 0; i < cache.readUInt32LE(20); i++) {
    const at = 48 + 24 * i;
    const name = text(cache.readUInt32LE(at + 4));
    if (!libraries.has(name)) libraries.set(name, text(cache.readUInt32LE(at + 8)));
  }
  return libraries;
}
