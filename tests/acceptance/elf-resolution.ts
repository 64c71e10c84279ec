import { lstatSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ElfFile, isElf, readElf } from "../../src/ecosystems/linux/elf.ts";
import { folderView, resolveInside } from "../../src/engine/embedded/inside.ts";
import { tool } from "./workplace.ts";

export type ElfFindings = {
  /** By absolute path inside the image, links aside. */
  readonly files: ReadonlyMap<string, ElfFile>;
  /** Path → what its loader would not find (ld.so(8)). */
  readonly unresolved: Readonly<Record<string, readonly string[]>>;
};

const tuples = { amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };

/** Every ELF file of an unpacked image, with what each needs looked up as the dynamic loader does. */
export async function elfFiles(root: string, architecture: keyof typeof tuples): Promise<ElfFindings> {
  const files = new Map<string, ElfFile>();
  for (const path of (await tool("find", root, "-type", "f", "-print0")).split("\0").slice(0, -1)) {
    const bytes = readFileSync(path);
    const elf = isElf(bytes) ? readElf(bytes) : undefined;
    if (elf !== undefined) files.set(path.slice(root.length), elf);
  }
  const tuple = tuples[architecture];
  const standard = [`/lib/${tuple}`, `/usr/lib/${tuple}`, "/lib", "/usr/lib"];
  const unresolved: Record<string, readonly string[]> = {};
  for (const [path, elf] of files) {
    const own = elf.runpath.map((folder) => folder.replace(/\$ORIGIN|\$\{ORIGIN\}/g, dirname(path)));
    const missing = elf.needed.filter((name) => !isFound(root, name, [...own, ...standard]));
    if (missing.length > 0) unresolved[path] = missing.sort();
  }
  return { files, unresolved };
}

function isFound(root: string, name: string, folders: readonly string[]): boolean {
  const candidates = name.includes("/") ? [name] : folders.map((folder) => `${folder}/${name}`);
  return candidates.some((candidate) => {
    const real = resolveInside(folderView(root), candidate);
    return real !== undefined && lstatSync(join(root, real)).isFile();
  });
}
