import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { arch, platform } from "node:os";
import { join } from "node:path";
import type { LockedDeb } from "../ecosystems/debian/lock.ts";
import { debUrls, type Mirrors } from "../ecosystems/debian/mirror.ts";
import { resolveDebian } from "../ecosystems/debian/resolve.ts";
import { TUPLES } from "../ecosystems/linux/tuples.ts";
import { environmentError } from "../errors.ts";
import { machinePlatform, type Platform } from "../platform.ts";
import { debianSegments } from "./debian-segments.ts";
import { debianTools } from "./debian-tools.ts";
import { toolFolder, unpackSegment } from "./tool-folder.ts";
import type { Workbench } from "./workbench.ts";

const SUITE = "bookworm";
const MINOR = "3.11";
const LOADERS = { amd64: "ld-linux-x86-64.so.2", arm64: "ld-linux-aarch64.so.1" } as const;

/** Of Debian's packages those that make its Python run: the interpreter, its library, and what they are linked to. */
export function interpreterDebs<Deb extends Pick<LockedDeb, "name">>(
  debs: readonly Deb[],
  minor: string,
): Deb[] {
  const own = [`python${minor}-minimal`, `libpython${minor}-minimal`, `libpython${minor}-stdlib`];
  const names = new Set([...own, "libc6", "libexpat1", "zlib1g", "libcrypt1"]);
  return debs.filter(({ name }) => names.has(name));
}

/** How an interpreter that was unpacked to `root` is started: by its own loader, so that the host's libc is not needed. */
export function interpreterArgv(
  root: string,
  minor: string,
  architecture: Platform["architecture"],
): readonly [string, ...string[]] {
  const libraries = `${root}/usr/lib/${TUPLES[architecture]}`;
  const loader = `${libraries}/${LOADERS[architecture]}`;
  return [loader, "--library-path", libraries, `${root}/usr/bin/python${minor}`];
}

/**
 * A Python for a machine that has none: Debian's, unpacked into the store and run through its own loader, so that
 * neither the host's libc nor root is needed. uv only asks it what it is; nothing is installed with it.
 * @returns path of a program to start
 * @throws CambiumError `PYTHON_MISSING` where such a program cannot run; `MIRROR_UNKNOWN` and as `resolveDebian`.
 */
export async function debianInterpreter(mirrors: Mirrors, bench: Workbench): Promise<string> {
  const { architecture } = machinePlatform();
  if (platform() !== "linux" || !["arm64", "x64"].includes(arch())) {
    throw environmentError(
      "PYTHON_MISSING",
      `resolving needs some Python, and none is on PATH (${platform()} ${arch()})`,
      "Install Python 3, or build from a lock: cambium build --locked.",
    );
  }
  const name = `python${MINOR}-${architecture}`;
  const known = join(bench.store.root, "tools", name, "python3");
  if (existsSync(known)) return known;
  const message = `no Python on PATH: unpacking Debian's python${MINOR} into the store`;
  bench.emit({ type: "notice", message });
  const request = {
    suite: SUITE,
    variant: "distroless",
    packages: [],
    architectures: [architecture],
  } as const;
  const { store } = bench;
  const lock = await resolveDebian(
    { ...request, mirrors, now: new Date(), upgrade: false },
    debianTools(bench),
  );
  const debs = interpreterDebs(lock.targets[architecture] ?? [], MINOR);
  const byDigest = new Map(debs.map((deb) => [deb.sha256, deb]));
  const segments = await debianSegments(debs, [], bench, async (absent) => {
    return new Map(
      absent.flatMap(({ id, archive }) => {
        const deb = byDigest.get(archive.digest);
        return deb === undefined ? [] : [[id, debUrls(deb, mirrors)] as const];
      }),
    );
  });
  const home = await toolFolder(store, name, (folder) => {
    for (const segment of segments) unpackSegment(segment, folder, store);
    // Relative to the script itself: no path of the machine is written into a shell text.
    const words = interpreterArgv("$root", MINOR, architecture).map((word) => `"${word}"`);
    writeFileSync(join(folder, "python3"), `#!/bin/sh\nroot=\${0%/*}\nexec ${words.join(" ")} "$@"\n`);
    chmodSync(join(folder, "python3"), 0o755);
  });
  return join(home, "python3");
}
