import { accessSync, constants, existsSync, statSync } from "node:fs";
import { basename, delimiter, join } from "node:path";
import { environmentError } from "../../errors.ts";

/** A program that runs bundles of the runtime-spec. */
export type Runtime = { readonly path: string; readonly kind: "runc" | "crun" };

/** Debian installs runc here, and a plain user's PATH lacks it. */
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/**
 * runc or crun, from `wanted` (a path or a name) or the caller's PATH, runc first.
 * @throws CambiumError `RUNTIME_MISSING`.
 */
export function findRuntime(searchPath: string, wanted?: string): Runtime {
  const names = wanted === undefined ? ["runc", "crun"] : [wanted];
  for (const name of names) {
    const path = name.includes("/") ? name : findProgram(name, searchPath);
    if (path !== undefined && isProgram(path))
      return { path, kind: basename(path).includes("crun") ? "crun" : "runc" };
  }
  throw environmentError(
    "RUNTIME_MISSING",
    `no container runtime: ${names.join(" and ")} not found on PATH`,
    "Install runc or crun (apt-get install runc).",
  );
}

/**
 * Whether the runtime may be given cgroups to manage. crun refuses hosts where cgroup v1 and v2 are mixed, and
 * rootless it needs a delegation that only systemd gives; runc finds out itself what it can do.
 */
export function canManageCgroups({ kind }: Runtime, isRootless: boolean): boolean {
  return kind === "runc" || (!isRootless && existsSync("/sys/fs/cgroup/cgroup.controllers"));
}

export function findProgram(name: string, searchPath: string): string | undefined {
  const folders = [
    ...searchPath.split(delimiter).filter((folder) => folder.startsWith("/")),
    ...SYSTEM_FOLDERS,
  ];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
