import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type HeldLock, removeLock, tryLock } from "../../store/lock.ts";
import type { Store } from "../../store/store.ts";
import { type LaunchSettings, launch } from "./launch.ts";

/** Where one step runs: `u` gets its changes, the rest is gone after it. */
export type RunFolder = {
  readonly id: string;
  /** Absolute. */
  readonly path: string;
  /** The same from the trees' folder. */
  readonly near: string;
  /** Absolute: where the trees are. */
  readonly trees: string;
  /** Its cgroup, relative to the cgroup file system. */
  readonly cgroup: string;
  /** Removes it with all in it. */
  remove(): Promise<void>;
};

const FOLDER = "runs-v1";
const CGROUPS = "/sys/fs/cgroup";
const CGROUP = "cambium";
const run = promisify(execFile);

/** A new folder in the store, which is this process's until it is removed or the process ends. */
export function createRunFolder(store: Store, trees: string, settings: LaunchSettings): RunFolder {
  const runs = join(store.root, FOLDER);
  makePrivate(runs);
  const id = randomBytes(8).toString("hex");
  const lock = tryLock(lockOf(runs, id));
  const path = join(runs, id);
  mkdirSync(path);
  return {
    id,
    path,
    near: `../${FOLDER}/${id}`,
    trees,
    cgroup: `${CGROUP}/${id}`,
    async remove() {
      await removeFolders(settings, [path]);
      removeCgroup(id);
      finish(lock, lockOf(runs, id));
    },
  };
}

/**
 * Images hold setuid programs and devices, so nobody else may come to them through the host's file system; the kernel asks
 * for no right to a path above a mount.
 */
export function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** Removes what killed processes left: folders that nobody holds, and their cgroups. */
export async function sweepRunFolders(store: Store, settings: LaunchSettings): Promise<void> {
  const runs = join(store.root, FOLDER);
  const ids = new Set(namesIn(runs).flatMap((name) => /^[0-9a-f]{16}/.exec(name)?.[0] ?? []));
  // The lock is made first and removed last, so a folder without one is nobody's too.
  const left = [...ids].filter((id) => removeLock(lockOf(runs, id)));
  if (left.length === 0) return;
  await removeFolders(
    settings,
    left.map((id) => join(runs, id)),
  );
  for (const id of left) {
    removeCgroup(id);
    // SQLite's, of a holder that was killed.
    rmSync(`${lockOf(runs, id)}-journal`, { force: true });
  }
}

/** By rm(1): parts may belong to accounts that only the user namespace has, and be called what no string can hold. */
async function removeFolders(settings: LaunchSettings, paths: readonly string[]): Promise<void> {
  const argv = [
    settings.programs.rm,
    "-rf",
    "--one-file-system",
    "--",
    ...paths.filter((path) => !removeEmpty(path)),
  ];
  if (argv.length === 4) return;
  if (settings.mappings === undefined) {
    // It may well go on when we are killed.
    await run(argv[0]!, argv.slice(1)).catch(() => undefined);
    return;
  }
  const launched = await launch(settings, argv);
  launched.stdin.end();
  launched.stdout.resume();
  launched.stderr.resume();
  await launched.exitCode;
}

/** Most steps leave nothing but what overlayfs made for itself: then no process is needed. */
function removeEmpty(path: string): boolean {
  try {
    if (existsSync(join(path, "u"))) rmdirSync(join(path, "u"));
    for (const name of ["m", "p", "w"]) rmSync(join(path, name), { recursive: true, force: true });
    rmdirSync(path);
    return true;
  } catch {
    return !existsSync(path);
  }
}

function lockOf(runs: string, id: string): string {
  return join(runs, `${id}.lock`);
}

function finish(lock: HeldLock | undefined, path: string): void {
  lock?.release();
  removeLock(path);
}

/** One per controller in version 1. The runtime removes them unless it was killed; then they are empty. */
function removeCgroup(id: string): void {
  for (const base of [CGROUPS, ...namesIn(CGROUPS).map((name) => join(CGROUPS, name))]) {
    try {
      rmdirSync(join(base, CGROUP, id));
    } catch {
      // None, or a process in it is not buried yet: an empty cgroup costs nothing.
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
