import { MAX_LINKS } from "../layer/resolve-links.ts";

/** One path of a tree in memory. `children` of a directory, `target` of a symlink. */
export interface TreeNode<Node> {
  readonly kind: "directory" | "symlink" | "other";
  readonly children: Map<string, Node>;
  readonly target: string;
}

/** Real path below the root, `""` for the root itself, with the directory that is there. */
export type Resolved<Node> = { readonly path: string; readonly node: Node };

/** Links can multiply the depth of paths; nothing real comes near. */
const MAX_DEPTH = 1024;

/**
 * The directories that lead to `path` inside `root`, the root first and the one meant last, links followed as if `root`
 * were `/`, so that none leads out. What is missing is made by `make`, or missed when it gives nothing.
 * @returns a text that says what is in the way, when something is.
 */
export function walkTree<Node extends TreeNode<Node>>(
  root: Node,
  path: string,
  make: (path: string, parent: Node, name: string) => Node | undefined,
): Resolved<Node>[] | string {
  const trail: Resolved<Node>[] = [{ path: "", node: root }];
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
    if (node === undefined) return `there is no ${JSON.stringify(below)}`;
    if (node.kind === "symlink") {
      links += 1;
      if (links > MAX_LINKS) return `more than ${MAX_LINKS} links`;
      if (node.target.startsWith("/")) trail.length = 1;
      parts.push(...node.target.split("/").reverse());
    } else if (node.kind === "directory") {
      if (trail.length > MAX_DEPTH) return `more than ${MAX_DEPTH} directories deep`;
      trail.push({ path: below, node });
    } else {
      return `${JSON.stringify(below)} is not a directory`;
    }
  }
  return trail;
}

export function joined(parent: string, name: string): string {
  return parent === "" ? name : `${parent}/${name}`;
}

/** Parent and last part of a path; the parent of a single part is the root, `""`. */
export function splitPath(path: string): readonly [parent: string, name: string] {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}
