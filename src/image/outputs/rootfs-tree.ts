import { CambiumError } from "../../errors.ts";

/** What has been written so far; `layer` is the number of the layer that wrote it last. */
export type TreeNode = {
  readonly kind: "directory" | "symlink" | "other";
  layer: number;
  /** Of a directory. */
  readonly children: Map<string, TreeNode>;
  /** Of a symlink. */
  readonly target: string;
};

const NO_CHILDREN: Map<string, TreeNode> = new Map();
/** As many links as Linux follows in one path (path_resolution(7)). */
const MAX_LINKS = 40;

export function directoryNode(layer: number): TreeNode {
  return { kind: "directory", layer, children: new Map(), target: "" };
}

export function symlinkNode(layer: number, target: string): TreeNode {
  return { kind: "symlink", layer, children: NO_CHILDREN, target };
}

export function otherNode(layer: number): TreeNode {
  return { kind: "other", layer, children: NO_CHILDREN, target: "" };
}

/** Real path below the root, `""` for the root itself, with the directory that is there. */
export type Resolved = { readonly path: string; readonly node: TreeNode };

/**
 * The directory that `path` means inside `root`, links followed as if `root` were `/`, so that none leads out.
 * Missing directories are made through `make`.
 * @throws CambiumError `ROOTFS_PARENT` when a part is a file or the links go in a circle.
 */
export function resolveDirectory(
  root: TreeNode,
  path: string,
  make: (path: string, parent: TreeNode, name: string) => TreeNode,
): Resolved {
  const trail: Resolved[] = [{ path: "", node: root }];
  const parts = path.split("/").reverse();
  let links = 0;
  while (parts.length > 0) {
    const part = parts.pop()!;
    const here = trail.at(-1)!;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const below = joined(here.path, part);
    const node = here.node.children.get(part) ?? make(below, here.node, part);
    if (node.kind === "symlink") {
      links += 1;
      if (links > MAX_LINKS) throw parentError(path, `more than ${MAX_LINKS} links`);
      if (node.target.startsWith("/")) trail.length = 1;
      parts.push(...node.target.split("/").reverse());
    } else if (node.kind === "directory") {
      trail.push({ path: below, node });
    } else {
      throw parentError(path, `${JSON.stringify(below)} is not a directory`);
    }
  }
  return trail.at(-1)!;
}

export function joined(parent: string, name: string): string {
  return parent === "" ? name : `${parent}/${name}`;
}

function parentError(path: string, problem: string): CambiumError {
  return new CambiumError("ROOTFS_PARENT", `cannot unpack into ${JSON.stringify(path)}: ${problem}`, {
    hint: "The image's layers contradict each other; `cambium validate` names the layer.",
  });
}
