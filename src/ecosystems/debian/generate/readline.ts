import type { SourceEntry } from "../../../layer/files.ts";
import type { Tree } from "../tree.ts";
import { file } from "./entries.ts";

/** /etc/inputrc as readline-common's postinst copies it. */
export function readline(tree: Tree): SourceEntry[] {
  const content = tree.read("usr/share/readline/inputrc");
  return content === undefined ? [] : [file("etc/inputrc", content)];
}
