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

/** `linesOfTree` of a folder, by GNU find and sha256sum, so that nothing of ours is asked about itself. */
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

/** A line for each path of a tree in order: path, type, mode, owner, link, content, how many names the file has, extended attributes. */
export function wholeLinesOfTree(tree: ImageTree): string[] {
  const inodes = tree.inodes();
  const names = (path: string) => {
    const inode = inodes.get(path);
    return inode === undefined ? 1 : [...inodes.values()].filter((other) => other === inode).length;
  };
  return [...tree.entries()].map((entry) => {
    const mode = entry.type === "symlink" ? "" : entry.mode.toString(8).padStart(4, "0");
    const rest =
      entry.type === "file"
        ? `${entry.size} ${entry.digest.slice(7, 15)} names ${names(entry.path)}`
        : "target" in entry
          ? entry.target
          : "device" in entry
            ? `${entry.device.major}:${entry.device.minor}`
            : "";
    const attributes = Object.entries(entry.xattrs ?? {}).map(
      ([name, value]) => `${name}=${Buffer.from(value, "latin1").toString("hex")}`,
    );
    return [entry.path, entry.type, mode, `${entry.uid}:${entry.gid}`, rest, ...attributes].join(" ").trim();
  });
}
