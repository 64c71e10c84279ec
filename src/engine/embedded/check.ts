import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { arch } from "node:process";
import { type CambiumError, environmentError, messageOf } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import { hostAccount } from "./host-account.ts";
import { idMappings } from "./id-mappings.ts";
import type { LaunchSettings, Programs } from "./launch.ts";
import { knowsVolatile, type OverlayKind, overlayMount } from "./overlay.ts";
import { createRunFolder, makePrivate } from "./run-folders.ts";
import { canManageCgroups, findProgram, findRuntime, type Runtime } from "./runtime.ts";
import { openSandbox } from "./sandbox.ts";

/** What the engine found on this machine. */
export type EngineHost = LaunchSettings & {
  readonly runtime: Runtime;
  readonly hasCgroup: boolean;
  readonly overlay: OverlayKind;
  /** See `knowsVolatile`. */
  readonly isVolatile: boolean;
  /** As images name it: `amd64`. */
  readonly architecture: string;
  /** An empty folder, relative to the trees' folder. */
  readonly emptyTree: string;
};

export type CheckSettings = {
  /** PATH of the caller. */
  readonly searchPath: string;
  /** A path or name instead of runc or crun. */
  readonly runtime?: string;
  /** fuse-overlayfs, also where the kernel could. */
  readonly overlay?: "fuse";
};

type Found = Omit<EngineHost, "overlay" | "emptyTree">;

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

/** Others of these names, busybox's among them, lack options that we need. */
const MAKERS = { setpriv: "util-linux", tar: "GNU tar", unshare: "util-linux" } as const;

const OVERLAYFS_MAGIC = 0x794c7630;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64" };
const CAP_SYS_ADMIN = 21n;

/**
 * Looks for everything that a step needs, and as a plain user tries it out. Nothing of a build has happened then.
 * @throws CambiumError `ENGINE_MISSING` with all that is missing and what to install, `ENGINE_USER_NAMESPACE`.
 */
export async function checkEngine(
  store: Store,
  trees: { readonly path: string; readonly empty: string },
  settings: CheckSettings,
): Promise<EngineHost> {
  const found = findParts(settings, store);
  makePrivate(trees.path);
  mkdirSync(join(trees.path, trees.empty), { recursive: true });
  const overlay = await findOverlay(store, trees, found, settings.overlay);
  return { ...found, overlay, emptyTree: trees.empty };
}

/** The part that changes nothing. @throws CambiumError `ENGINE_MISSING`. */
function findParts({ searchPath, runtime: wanted }: CheckSettings, store: Store): Found {
  const isRoot = process.geteuid?.() === 0;
  const missing: string[] = [];
  const packages = new Set<string>();
  const lack = (what: string, packageName?: string) => {
    missing.push(what);
    if (packageName !== undefined) packages.add(packageName);
  };
  if (process.platform !== "linux") throw missingError(["Linux"], []);
  const runtime = runtimeOrMissing(searchPath, wanted, lack);
  const programs: Record<string, string> = {};
  for (const [name, packageName] of Object.entries(isRoot ? NEEDED : { ...NEEDED, ...NEEDED_ROOTLESS })) {
    const path = findProgram(name, searchPath);
    if (path === undefined) lack(name, packageName);
    else programs[name] = path;
  }
  for (const [name, maker] of Object.entries(MAKERS)) {
    const path = programs[name];
    if (path !== undefined && !isOf(maker, path, store))
      lack(`${name} of ${maker} instead of ${path}`, NEEDED[name as "tar"]);
  }
  for (const name of ["fuse-overlayfs", "find"]) {
    const path = findProgram(name, searchPath);
    if (path !== undefined) programs[name] = path;
  }
  const account = hostAccount(searchPath);
  // Any other account stands for all: the whole range is mapped.
  const { mappings, isExact } = idMappings(account, { uid: 1, gid: 1, additionalGids: [], home: "/" });
  if (!isRoot && !isExact && account.canMapRanges) {
    lack(`ids for ${account.name} in /etc/subuid and /etc/subgid`);
  }
  if (isRoot && !mayMount()) lack("the right to mount (CAP_SYS_ADMIN), which this container's root has not");
  if (missing.length > 0 || runtime === undefined) throw missingError(missing, [...packages]);
  return {
    programs: programs as Programs,
    ...(isRoot ? {} : { mappings }),
    runtime,
    hasCgroup: canManageCgroups(runtime, !isRoot),
    isVolatile: knowsVolatile(release()),
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

/** Asking takes 4 ms each, so a program that said it is asked again only when it is another one. */
function isOf(maker: string, path: string, { records }: Store): boolean {
  const { ino, size, mtimeMs, ctimeMs } = statSync(path);
  const file = [path, ino, size, mtimeMs, ctimeMs].join(" ");
  if (records.get("program", file) === maker) return true;
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 });
  const isIt = stdout?.includes(maker) === true;
  if (isIt) records.put("program", file, maker);
  return isIt;
}

function mayMount(): boolean {
  const hex = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1] ?? "0";
  return ((BigInt(`0x${hex}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}

/**
 * Which overlay the store can have. Changes cannot go onto another overlay, and whether a plain user may mount one
 * depends on the kernel, its patches and the file system: that is tried.
 */
async function findOverlay(
  store: Store,
  trees: { readonly path: string; readonly empty: string },
  found: Found,
  wanted: "fuse" | undefined,
): Promise<OverlayKind> {
  const isRoot = found.mappings === undefined;
  const isOnOverlay = statfsSync(store.root).type === OVERLAYFS_MAGIC;
  let refusal = "the store is on overlayfs itself";
  if (wanted !== "fuse" && !isOnOverlay) {
    if (isRoot) return "kernel";
    try {
      await tryOverlay(store, trees, found);
      return "kernel-user";
    } catch (error) {
      if (!isMountError(error)) throw error;
      refusal = messageOf(error);
    }
  }
  if (found.programs["fuse-overlayfs"] !== undefined && canOpen("/dev/fuse")) return "fuse";
  throw environmentError(
    "ENGINE_MISSING",
    `RUN needs an overlay file system, and this machine has none: ${refusal}`,
    "Install fuse-overlayfs (apt-get install fuse-overlayfs) and let /dev/fuse be used, or put the store elsewhere (CAMBIUM_ROOT).",
  );
}

async function tryOverlay(
  store: Store,
  trees: { readonly path: string; readonly empty: string },
  found: Found,
): Promise<void> {
  const folder = createRunFolder(store, trees.path, found);
  for (const name of ["u", "w", "m"]) mkdirSync(join(folder.path, name));
  const changes = { upper: `${folder.near}/u`, work: `${folder.near}/w` };
  try {
    const { launched } = await openSandbox(found, {
      folder: trees.path,
      mounts: [overlayMount("kernel-user", [trees.empty], changes, `${folder.near}/m`)],
      unpackInto: ".",
      command: [],
    });
    launched.child.kill("SIGKILL");
    await launched.exitCode;
  } finally {
    await folder.remove();
  }
}

function isMountError(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENGINE_MOUNT";
}

function canOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function missingError(missing: readonly string[], packages: readonly string[]): CambiumError {
  const install =
    packages.length === 0 ? [] : [`Install what is missing (apt-get install ${packages.join(" ")}).`];
  const lend = missing.some((what) => what.includes("/etc/subuid"))
    ? ["Have ids lent to the account (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 NAME)."]
    : [];
  return environmentError(
    "ENGINE_MISSING",
    `RUN needs what this machine lacks: ${missing.join(", ")}`,
    [...install, ...lend, "Without RUN steps nothing of this is needed."].join(" "),
  );
}
