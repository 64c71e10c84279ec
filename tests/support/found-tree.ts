import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ImageTree } from "../../src/image/image-tree.ts";

/** A tree as lines in order: path, type, mode, and content digest or link target. Owners are the disk's affair. */
export function linesOfTree(tree: ImageTree): string[] {
  const letters = { file: "f", directory: "d", symlink: "l", character: "c", block: "b", fifo: "p" } as const;
  return [...tree.entries()]
    .map((entry) => {
      const content = entry.type === "file" ? entry.digest : entry.type === "symlink" ? entry.target : "";
      return `${entry.path} ${letters[entry.type]} ${entry.mode.toString(8)} ${content}`;
    })
    .sort();
}

/** The same of a folder, by GNU find and sha256sum, so that nothing of ours is asked about itself. */
export function linesOfFolder(folder: string): string[] {
  const run = (command: string, ...args: readonly string[]) =>
    execFileSync(command, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  const sums = run("sh", "-c", 'cd "$0" && find . -type f -print0 | xargs -0 -r sha256sum --zero', folder);
  const digests = new Map(
    sums
      .split("\0")
      .filter((line) => line !== "")
      .map((line) => [line.slice(68), `sha256:${line.slice(0, 64)}`]),
  );
  return run("find", folder, "-mindepth", "1", "-printf", "%P\\t%y\\t%m\\t%l\\0")
    .split("\0")
    .filter((line) => line !== "")
    .map((line) => {
      const [path = "", type, mode, target = ""] = line.split("\t");
      return `${path} ${type} ${mode} ${type === "f" ? digests.get(path) : target}`;
    })
    .sort();
}

/**
 * A line for every entry with all that an unpacker should keep: path, type, mode, owner, content, time of a file, which
 * file is a hard link to which, xattrs. By Python, so that nothing of ours is asked about itself.
 */
export function entriesOfFolder(folder: string): string[] {
  const script = fileURLToPath(new URL("entries-of.py", import.meta.url));
  const options = { encoding: "utf8", maxBuffer: 1 << 28 } as const;
  return execFileSync("python3", [script, folder], options).trim().split("\n");
}
