import type { SourceEntry } from "../../../layer/files.ts";
import type { Tree } from "../tree.ts";
import { file } from "./entries.ts";

const TEMPLATE = "usr/share/debianutils/shells";
const FOLDER = "usr/share/debianutils/shells.d";

/**
 * /etc/shells and update-shells' own state, as debianutils' `update-shells` makes them for a new system: its template,
 * then each package's shells in the order of their files, every shell followed by its path without symlinked folders.
 */
export function shells(tree: Tree): SourceEntry[] {
  const template = textOf(tree, TEMPLATE);
  if (template === undefined) return [];
  const known: string[] = [];
  for (const path of [TEMPLATE, ...tree.below(FOLDER)]) {
    for (const line of (textOf(tree, path) ?? "").split("\n")) {
      const shell = line.replace(/#.*/, "").trim();
      if (shell === "") continue;
      known.push(shell, realShell(tree, shell));
    }
  }
  const unique = [...new Set(known)];
  const listed = template.split("\n").map((line) => line.replace(/#.*/, ""));
  const added = unique.filter((shell) => !listed.includes(shell));
  const head = template === "" || template.endsWith("\n") ? template : `${template}\n`;
  return [
    file("etc/shells", head + added.map((shell) => `${shell}\n`).join("")),
    file("var/lib/shells.state", unique.map((shell) => `${shell}\n`).join("")),
  ];
}

function realShell(tree: Tree, shell: string): string {
  const slash = shell.lastIndexOf("/");
  const folder = tree.resolve(shell.slice(1, slash));
  return folder === undefined ? shell : `/${folder}/${shell.slice(slash + 1)}`;
}

function textOf(tree: Tree, path: string): string | undefined {
  const bytes = tree.read(path);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
}
