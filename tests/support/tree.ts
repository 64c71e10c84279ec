import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** What stands at a path: text or bytes, a link, or a file with a mode. A path with a slash at the end is a directory. */
export type TreeNode =
  | string
  | Uint8Array
  | { readonly link: string }
  | { readonly mode: number; readonly text: string };
export type Tree = Readonly<Record<string, TreeNode>>;

/** A folder of real files that is gone after the test: `using folder = treeOf({ "a/b.txt": "b" })`. */
export function treeOf(tree: Tree): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "cambium-test-"));
  writeTree(path, tree);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Adds to a folder, or overwrites. */
export function writeTree(root: string, tree: Tree): void {
  for (const [name, node] of Object.entries(tree)) {
    const path = join(root, name);
    if (name.endsWith("/")) {
      mkdirSync(path, { recursive: true });
      continue;
    }
    mkdirSync(dirname(path), { recursive: true });
    if (typeof node === "string" || node instanceof Uint8Array) writeFileSync(path, node);
    else if ("link" in node) symlinkSync(node.link, path);
    else {
      writeFileSync(path, node.text);
      chmodSync(path, node.mode);
    }
  }
}
