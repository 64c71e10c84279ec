import { execFileSync } from "node:child_process";
import { mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A small disk, gone with the test; needs root. */
export function smallDisk(path: string, megabytes: number): Disposable {
  mkdirSync(path, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path]);
  return { [Symbol.dispose]: () => execFileSync("umount", ["--lazy", path]) };
}

export function freeBytes(disk: string): number {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
}

/** Takes what is free, but for so many bytes, with the file `filler`. */
export function fill(disk: string, leaveBytes: number): void {
  writeFileSync(join(disk, "filler"), Buffer.alloc(Math.max(0, freeBytes(disk) - leaveBytes)));
}
