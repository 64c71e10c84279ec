import { CambiumError } from "../../errors.ts";
import { type Resolved, type TreeNode, walkTree } from "../walk-tree.ts";

/** What has been written so far; `layer` is the number of the layer that wrote it last. */
export interface RootfsNode extends TreeNode<RootfsNode> {
  layer: number;
}

const NO_CHILDREN: Map<string, RootfsNode> = new Map();

export function directoryNode(layer: number): RootfsNode {
  return { kind: "directory", layer, children: new Map(), target: "" };
}

export function symlinkNode(layer: number, target: string): RootfsNode {
  return { kind: "symlink", layer, children: NO_CHILDREN, target };
}

export function otherNode(layer: number): RootfsNode {
  return { kind: "other", layer, children: NO_CHILDREN, target: "" };
}

/**
 * The directory that `path` means inside `root`; missing ones are made through `make`.
 * @throws CambiumError `ROOTFS_PARENT` when a part is a file or the links go in a circle.
 */
export function resolveDirectory(
  root: RootfsNode,
  path: string,
  make: (path: string, parent: RootfsNode, name: string) => RootfsNode,
): Resolved<RootfsNode> {
  const trail = walkTree(root, path, make);
  if (typeof trail !== "string") return trail.at(-1)!;
  throw new CambiumError("ROOTFS_PARENT", `cannot unpack into ${JSON.stringify(path)}: ${trail}`, {
    hint: "The image's layers contradict each other; `cambium validate` names the layer.",
  });
}
