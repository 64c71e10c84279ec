import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Processes that have something mounted in a folder: a mount namespace lives as long as they. */
export function processesMountedIn(folder: string): string[] {
  return pids().filter((pid) => textOf(`/proc/${pid}/mountinfo`).includes(folder));
}

/** Processes with this word in their command line. */
export function processesWith(word: string): string[] {
  return pids().filter((pid) => textOf(`/proc/${pid}/cmdline`).split("\0").includes(word));
}

/** Names of what is in a store's folder of steps at work: their folders and locks. */
export function runsIn(store: string): string[] {
  const runs = join(store, "runs-v1");
  return existsSync(runs) ? readdirSync(runs) : [];
}

/** Cgroups of steps with these ids; other stores' steps have theirs beside them. */
export function cgroupsOf(ids: ReadonlySet<string>): string[] {
  return ["/sys/fs/cgroup/cambium", "/sys/fs/cgroup/devices/cambium"]
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path).filter((name) => ids.has(name)));
}

function pids(): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It ended meanwhile.
    return "";
  }
}
