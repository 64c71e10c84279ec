import type { SourceEntry } from "../../../layer/files.ts";
import type { Suite } from "../lock.ts";
import { debianPython } from "../suites.ts";
import type { Tree } from "../tree.ts";
import { directory, file } from "./entries.ts";

const CONFIG = `[DEFAULT]
# how to byte-compile (comma separated: standard, optimize)
byte-compile = standard
`;

/** What the postinsts of python3 and pythonX.Y-minimal write, bytecode aside: that is a segment of its own elsewhere. */
export function pythonRuntime(tree: Tree, suite: Suite): SourceEntry[] {
  const version = debianPython(suite);
  if (tree.resolve(`usr/bin/python${version}`) === undefined) return [];
  const local = `usr/local/lib/python${version}`;
  return [
    directory("etc/python3"),
    file("etc/python3/debian_config", CONFIG),
    directory(local),
    directory(`${local}/dist-packages`),
    directory("var/lib/python"),
    file(`var/lib/python/python${version}_installed`, ""),
  ];
}
