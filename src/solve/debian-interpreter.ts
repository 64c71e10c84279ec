import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";
import { debUrls, type Mirrors } from "../ecosystems/debian/mirror.ts";
import { resolveDebian } from "../ecosystems/debian/resolve.ts";
import { TUPLES } from "../ecosystems/linux/tuples.ts";
import { environmentError } from "../errors.ts";
import { readSegmentFile } from "../layer/read-file.ts";
import type { Segment } from "../layer/segment.ts";
import { machinePlatform } from "../platform.ts";
import { debianSegments } from "./debian-segments.ts";
import { debianTools } from "./debian-tools.ts";
import type { Workbench } from "./workbench.ts";

const SUITE = "bookworm";
const PYTHON = "python3.11";
/** What the interpreter and the modules that uv asks it about are linked to. */
const PACKAGES = /^(python3\.11-minimal|libpython3\.11-(minimal|stdlib)|libc6|libexpat1|zlib1g|libcrypt1)$/;
const LOADERS = { amd64: "ld-linux-x86-64.so.2", arm64: "ld-linux-aarch64.so.1" } as const;

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
  const home = join(bench.store.root, "tools", `${PYTHON}-${architecture}`);
  const program = join(home, "python3");
  if (existsSync(program)) return program;
  bench.emit({ type: "notice", message: `no Python on PATH: unpacking Debian's ${PYTHON} into the store` });
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
  const debs = (lock.targets[architecture] ?? []).filter(({ name }) => PACKAGES.test(name));
  const byDigest = new Map(debs.map((deb) => [deb.sha256, deb]));
  const segments = await debianSegments(debs, [], bench, async (absent) => {
    return new Map(
      absent.flatMap(({ id, archive }) => {
        const deb = byDigest.get(archive.digest);
        return deb === undefined ? [] : [[id, debUrls(deb, mirrors)] as const];
      }),
    );
  });
  const temporary = mkdtempSync(join(store.root, "tmp", "python-"));
  for (const segment of segments) unpack(segment, temporary, bench);
  const libraries = `usr/lib/${TUPLES[architecture]}`;
  // Relative to the script itself: no path of the machine is written into a shell text.
  const script = `#!/bin/sh
root=\${0%/*}
exec "$root/${libraries}/${LOADERS[architecture]}" --library-path "$root/${libraries}" "$root/usr/bin/${PYTHON}" "$@"
`;
  writeFileSync(join(temporary, "python3"), script);
  chmodSync(join(temporary, "python3"), 0o755);
  mkdirSync(dirname(home), { recursive: true });
  try {
    renameSync(temporary, home);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    // Another process was first; what it made is the same.
    if (!existsSync(program)) throw error;
  }
  return program;
}

/** Paths of a segment are relative and clean, and go to an empty folder that nobody else writes to. */
function unpack(segment: Segment, folder: string, { store }: Workbench): void {
  for (const entry of segment.entries) {
    const path = join(folder, entry.path);
    mkdirSync(dirname(path), { recursive: true });
    if (entry.type === "file") {
      writeFileSync(path, readSegmentFile(store.blobs, entry));
      chmodSync(path, entry.mode & 0o755);
    } else if (entry.type === "symlink" && !entry.target.startsWith("/")) {
      symlinkSync(entry.target, path);
    }
  }
}
