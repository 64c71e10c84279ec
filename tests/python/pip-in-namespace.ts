/**
 * Run inside a mount namespace: lets pip install wheels into the venv and writes what it finds afterwards as JSON.
 * Arguments: the pip wheel, the output file, then what `pip install` shall get.
 */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { layOutVenv, python } from "./in-namespace.ts";
import type { TreeEntry } from "./tree.ts";

const [pipWheel, output, ...wanted] = process.argv.slice(2) as [string, string, ...string[]];

layOutVenv();
const options = ["--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check", "--quiet"];
python(join(pipWheel, "pip"), "install", ...options, ...wanted);
const tree: TreeEntry[] = [];
walk("opt/venv");
writeFileSync(output, JSON.stringify(tree));

function walk(directory: string): void {
  for (const name of readdirSync(join("/", directory))) {
    const path = `${directory}/${name}`;
    const full = join("/", path);
    const stat = lstatSync(full);
    const base = { path, mode: stat.mode & 0o7777 };
    if (stat.isDirectory()) walk(path);
    else if (stat.isSymbolicLink()) tree.push({ ...base, type: "symlink", target: readlinkSync(full) });
    else if (stat.isFile()) {
      const content = readFileSync(full);
      const sha256 = createHash("sha256").update(content).digest("hex");
      const isKept = /site-packages\/[^/]+\.dist-info\/(?:RECORD|INSTALLER)$/.test(path);
      tree.push({ ...base, type: "file", sha256, ...(isKept ? { text: content.toString() } : {}) });
    } else throw new Error(`${path} is neither file, directory nor symlink`);
  }
}
