import { tool } from "./workplace.ts";

/**
 * What stands in a folder, a line for each path in order: type, mode, owner, size, time, links to it, link target,
 * content. By GNU find and sha256sum, so that nothing of ours is asked about itself. A folder's size is the disk's affair.
 */
export async function treeOf(folder: string): Promise<string[]> {
  const format = "%P\\t%y %m %U:%G %T@ %n\\t%l\\t%s\\n";
  const found = await tool("find", folder, "-mindepth", "1", "-printf", format);
  const digests = await digestsOf(folder);
  return found
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [path = "", about = "", target = "", size = ""] = line.split("\t");
      const content = about.startsWith("f") ? `${size} ${digests.get(path)}` : target;
      return `${path} ${about.startsWith("d") ? about.replace(/ \d+$/, "") : about} ${content}`;
    })
    .sort();
}

async function digestsOf(folder: string): Promise<Map<string, string>> {
  const script = 'cd "$0" && find . -type f -print0 | xargs -0 sha256sum --zero';
  const lines = await tool("sh", "-c", script, folder);
  return new Map(
    lines
      .split("\0")
      .filter((line) => line !== "")
      .map((line) => [line.slice(68), line.slice(0, 64)]),
  );
}

/** What only one of two trees has; both empty when they are equal. */
export function difference(ours: readonly string[], theirs: readonly string[]) {
  const [mine, other] = [new Set(ours), new Set(theirs)];
  return {
    onlyOurs: ours.filter((line) => !other.has(line)),
    onlyTheirs: theirs.filter((line) => !mine.has(line)),
  };
}
