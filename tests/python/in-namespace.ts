import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { venvSegmentFiles } from "../../src/ecosystems/python/wheel/venv.ts";
import type { GeneratedFile } from "../../src/graph/definition.ts";

/**
 * Puts an empty filesystem over /opt and lays the venv out there. Only for processes in a mount namespace of their own
 * (`unshare --mount`): scripts name /opt/venv, so that is where it must be.
 */
export function layOutVenv(): void {
  process.umask(0o022);
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", "/opt"]);
  for (const entry of venvSegmentFiles({ version: "3.11", path: "/usr/bin/python3.11" })) {
    if (entry.type === "file") write({ ...entry, content: Buffer.from(entry.content).toString() });
    else if (entry.type !== "hardlink") write(entry);
  }
}

/** Writes one file, link or directory below the root. */
export function write(entry: GeneratedFile): void {
  const path = join("/", entry.path);
  mkdirSync(dirname(path), { recursive: true });
  if (entry.type === "directory") mkdirSync(path, { recursive: true });
  else if (entry.type === "symlink") symlinkSync(entry.target, path);
  else writeFileSync(path, entry.content, { mode: entry.mode });
}

/** Runs the venv's Python without anything of the caller's environment, and gives what it prints. */
export function python(...args: string[]): string {
  // No bytecode beside what is installed, and no pip configuration.
  const env = {
    PATH: "/usr/bin:/bin",
    PYTHONDONTWRITEBYTECODE: "1",
    PIP_CONFIG_FILE: "/dev/null",
    HOME: "/nonexistent",
  };
  return execFileSync("/opt/venv/bin/python", args, { env, encoding: "utf8", cwd: "/" });
}
