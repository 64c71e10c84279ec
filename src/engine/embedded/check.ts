import { existsSync, readFileSync, statfsSync } from "node:fs";
import { arch } from "node:process";
import { type CambiumError, environmentError } from "../../errors.ts";
import { hostAccount } from "./host-account.ts";
import { idMappings } from "./id-mappings.ts";
import type { LaunchSettings, Programs } from "./launch.ts";
import type { OverlayKind } from "./overlay.ts";
import { canManageCgroups, findProgram, findRuntime, type Runtime } from "./runtime.ts";

/** What the engine found on this machine. */
export type EngineHost = LaunchSettings & {
  readonly runtime: Runtime;
  readonly hasCgroup: boolean;
  readonly overlay: OverlayKind;
  /** As images name it: `amd64`. */
  readonly architecture: string;
  /** An empty folder, relative to the trees' folder. */
  readonly emptyTree: string;
};

/** Program and the Debian package that has it. */
const NEEDED = {
  du: "coreutils",
  mount: "mount",
  rm: "coreutils",
  setpriv: "util-linux",
  sh: "dash",
  tar: "tar",
  unshare: "util-linux",
} as const;
const NEEDED_ROOTLESS = { newuidmap: "uidmap", newgidmap: "uidmap" } as const;

const OVERLAYFS_MAGIC = 0x794c7630;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64" };
/** From here on plain users may mount overlays (`userxattr`). */
const ROOTLESS_OVERLAY_KERNEL = [5, 11] as const;

/**
 * Looks for everything that a step needs; no process is started.
 * @throws CambiumError `ENGINE_MISSING` with all that is missing and what to install.
 */
export function checkEngine(settings: {
  readonly searchPath: string;
  readonly runtime?: string;
  /** Absolute: where layers are unpacked and steps write. */
  readonly storeRoot: string;
}): Omit<EngineHost, "emptyTree"> {
  const { searchPath } = settings;
  const isRoot = process.geteuid?.() === 0;
  const missing: string[] = [];
  const packages = new Set<string>();
  const lack = (what: string, packageName?: string) => {
    missing.push(what);
    if (packageName !== undefined) packages.add(packageName);
  };
  const find = (name: string, packageName: string) => {
    const path = findProgram(name, searchPath);
    if (path === undefined) lack(name, packageName);
    return path ?? name;
  };
  if (process.platform !== "linux") throw missingError(["Linux"], []);
  const runtime = runtimeOrMissing(searchPath, settings.runtime, lack);
  const programs = Object.fromEntries(
    Object.entries(isRoot ? NEEDED : { ...NEEDED, ...NEEDED_ROOTLESS }).map(([name, packageName]) => [
      name,
      find(name, packageName),
    ]),
  ) as Programs;
  const fuse = findProgram("fuse-overlayfs", searchPath);
  const account = hostAccount(searchPath);
  // Any other account stands for all: the whole range is mapped.
  const { mappings, isExact } = idMappings(account, { uid: 1, gid: 1, additionalGids: [], home: "/" });
  if (!isRoot && !isExact && account.canMapRanges) {
    lack(`ids for ${account.name} in /etc/subuid and /etc/subgid`);
  }
  const hasOverlay = canMountOverlay(settings.storeRoot, isRoot);
  if (!hasOverlay && (fuse === undefined || !existsSync("/dev/fuse"))) {
    lack(
      "overlayfs (the kernel's, on a store that is not on overlayfs itself) or fuse-overlayfs with /dev/fuse",
      "fuse-overlayfs",
    );
  }
  if (missing.length > 0 || runtime === undefined) throw missingError(missing, [...packages]);
  return {
    programs: fuse === undefined ? programs : { ...programs, "fuse-overlayfs": fuse },
    ...(isRoot ? {} : { mappings }),
    runtime,
    hasCgroup: canManageCgroups(runtime, !isRoot),
    overlay: hasOverlay ? (isRoot ? "kernel" : "kernel-user") : "fuse",
    architecture: ARCHITECTURES[arch] ?? arch,
  };
}

function runtimeOrMissing(
  searchPath: string,
  wanted: string | undefined,
  lack: (what: string, packageName?: string) => void,
): Runtime | undefined {
  try {
    return findRuntime(searchPath, wanted);
  } catch {
    lack(wanted ?? "runc or crun", wanted === undefined ? "runc" : undefined);
    return undefined;
  }
}

/** Changes cannot go onto another overlay. A kernel that has not loaded the module yet may still have it. */
function canMountOverlay(storeRoot: string, isRoot: boolean): boolean {
  if (statfsSync(storeRoot).type === OVERLAYFS_MAGIC) return false;
  if (isRoot) return true;
  const [major = 0, minor = 0] = readFileSync("/proc/sys/kernel/osrelease", "latin1")
    .split(".")
    .map(Number.parseFloat);
  return (
    major > ROOTLESS_OVERLAY_KERNEL[0] ||
    (major === ROOTLESS_OVERLAY_KERNEL[0] && minor >= ROOTLESS_OVERLAY_KERNEL[1])
  );
}

function missingError(missing: readonly string[], packages: readonly string[]): CambiumError {
  const install = packages.length === 0 ? "" : `Install them (apt-get install ${packages.join(" ")}), or `;
  const lend = missing.some((what) => what.includes("/etc/subuid"))
    ? "Have ids lent with usermod --add-subuids and --add-subgids, or "
    : "";
  const hint = `${install}${lend}build where RUN is not needed or with --engine buildkit.`;
  return environmentError(
    "ENGINE_MISSING",
    `RUN needs what this machine lacks: ${missing.join(", ")}`,
    hint.charAt(0).toUpperCase() + hint.slice(1),
  );
}
