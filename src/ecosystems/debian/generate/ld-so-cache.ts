import { comparePaths } from "../../../layer/entry.ts";
import type { SourceEntry } from "../../../layer/files.ts";
import { readElf } from "../../linux/elf.ts";
import { configuredFolders } from "../../linux/loader-folders.ts";
import { TUPLES } from "../../linux/tuples.ts";
import type { Architecture, Suite } from "../lock.ts";
import { debianGlibc } from "../suites.ts";
import type { Tree } from "../tree.ts";
import { file } from "./entries.ts";

/** A line of the cache: what programs ask for, and where it is. */
type Library = { readonly name: string; readonly path: string };

/** ELF for libc 6, and the architecture's 64-bit ABI, as in glibc's `FLAG_ELF_LIBC6 | FLAG_…_LIB64`. */
const FLAGS: Readonly<Record<Architecture, number>> = { amd64: 0x0303, arm64: 0x0a03 };
const HEADER_SIZE = 48;
const ENTRY_SIZE = 24;
/** Low bits of the flags byte: little endian. */
const LITTLE_ENDIAN = 2;
const EXTENSION_MAGIC = 0xeaa42174;
const EXTENSION_GENERATOR = 0;

/**
 * /etc/ld.so.cache as `ldconfig -r` of the suite writes it for this tree, byte for byte; without it
 * `ctypes.util.find_library` and libraries outside of the default folders fail. Libraries in `glibc-hwcaps` folders
 * are left out: the loader then takes the plain build of the same library.
 * @see glibc, elf/cache.c and elf/ldconfig.c (format `glibc-ld.so.cache1.1`)
 */
export function ldSoCache(tree: Tree, suite: Suite, architecture: Architecture): SourceEntry[] {
  const seen = new Set<string>();
  const libraries: Library[] = [];
  for (const directory of searchPath(tree, architecture)) {
    const real = tree.resolve(directory.slice(1));
    if (real === undefined || seen.has(real)) continue;
    seen.add(real);
    for (const name of librariesIn(tree, real, architecture))
      libraries.push({ name, path: `${directory}/${name}` });
  }
  if (libraries.length === 0) return [];
  libraries.sort((a, b) => compareLibraries(b.name, a.name));
  return [file("etc/ld.so.cache", encodeCache(libraries, FLAGS[architecture], generatorOf(tree, suite)))];
}

/** The folders of ld.so.conf in its order, then those built in. Absolute, as written. */
function searchPath(tree: Tree, architecture: Architecture): string[] {
  const tuple = TUPLES[architecture];
  const configured = configuredFolders({ read: tree.read, list: (folder) => namesIn(tree, folder) });
  return [...configured, `/lib/${tuple}`, `/usr/lib/${tuple}`, "/lib", "/usr/lib"];
}

/** Names directly in a folder. */
function namesIn(tree: Tree, folder: string): string[] {
  return tree
    .below(folder)
    .map((path) => path.slice(folder.length + 1))
    .filter((name) => !name.includes("/"));
}

/** Names under which a folder's libraries go into the cache: each soname, and links for the linker. */
function librariesIn(tree: Tree, directory: string, architecture: Architecture): string[] {
  const found = new Map<string, { name: string; isLink: boolean }>();
  for (const name of namesIn(tree, directory)) {
    if (!/^(lib|ld-).*\.so/.test(name)) continue;
    const path = `${directory}/${name}`;
    const entry = tree.entry(path);
    const bytes = entry?.type === "directory" ? undefined : tree.read(path);
    const elf = bytes === undefined ? undefined : readElf(bytes);
    if (elf === undefined || !elf.isDynamic || elf.architecture !== architecture) continue;
    const soname = elf.soname ?? name;
    const isForLinker = name.endsWith(".so") && soname.startsWith(name);
    // A link under another name than these two counts as a file of its own, as in ldconfig.
    const isLink = entry?.type === "symlink" && (name === soname || isForLinker);
    const key = isLink ? name : soname;
    const other = found.get(key);
    const isBetter =
      other === undefined ||
      (!isLink && other.isLink) ||
      (isLink === other.isLink && compareLibraries(other.name, name) < 0);
    if (isBetter) found.set(key, { name, isLink });
  }
  return [...found.keys()];
}

/** Order of library names in which runs of digits count as numbers: `libx.so.10` after `libx.so.9`. */
function compareLibraries(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length) {
    const left = digitsAt(a, i);
    const right = digitsAt(b, j);
    if (left !== "" || right !== "") {
      if (left === "") return -1;
      if (right === "") return 1;
      const difference = Number(left) - Number(right);
      if (difference !== 0) return difference;
      i += left.length;
      j += right.length;
      continue;
    }
    const difference = a.charCodeAt(i) - (j < b.length ? b.charCodeAt(j) : 0);
    if (difference !== 0) return difference;
    i++;
    j++;
  }
  return j < b.length ? -1 : 0;
}

function digitsAt(text: string, at: number): string {
  let end = at;
  while (end < text.length && text.charCodeAt(end) >= 0x30 && text.charCodeAt(end) <= 0x39) end++;
  return text.slice(at, end);
}

/** What ldconfig calls itself, taken from the program; the suite's plain version when it is not in the image. */
function generatorOf(tree: Tree, suite: Suite): string {
  const program = tree.read("usr/sbin/ldconfig");
  const text = program === undefined ? "" : Buffer.from(program).toString("latin1");
  const found = /ldconfig \([^()\0]{1,80}\) [a-z]{1,20} release version [0-9.]{1,10}(?=\0)/.exec(text)?.[0];
  return found ?? `ldconfig (GNU libc) stable release version ${debianGlibc(suite).join(".")}`;
}

function encodeCache(libraries: readonly Library[], flags: number, generator: string): Uint8Array {
  const base = HEADER_SIZE + ENTRY_SIZE * libraries.length;
  const { offsets, bytes: strings } = stringTable(libraries.flatMap(({ name, path }) => [name, path]));
  const extension = (base + strings.length + 3) & ~3;
  const generatorOffset = extension + 8 + 16;
  const cache = Buffer.alloc(generatorOffset + generator.length);
  cache.write("glibc-ld.so.cache1.1", 0, "latin1");
  cache.writeUInt32LE(libraries.length, 20);
  cache.writeUInt32LE(strings.length, 24);
  cache.writeUInt8(LITTLE_ENDIAN, 28);
  cache.writeUInt32LE(extension, 32);
  for (const [index, { name, path }] of libraries.entries()) {
    const at = HEADER_SIZE + ENTRY_SIZE * index;
    cache.writeUInt32LE(flags, at);
    cache.writeUInt32LE(base + (offsets.get(name) ?? 0), at + 4);
    cache.writeUInt32LE(base + (offsets.get(path) ?? 0), at + 8);
  }
  cache.set(strings, base);
  cache.writeUInt32LE(EXTENSION_MAGIC, extension);
  cache.writeUInt32LE(1, extension + 4);
  cache.writeUInt32LE(EXTENSION_GENERATOR, extension + 8);
  cache.writeUInt32LE(generatorOffset, extension + 16);
  cache.writeUInt32LE(generator.length, extension + 20);
  cache.write(generator, generatorOffset, "latin1");
  return cache;
}

/**
 * Strings that end alike share bytes: sorted by their reversed bytes, downwards, a string that ends the one before it
 * lies inside of it. (glibc, elf/stringtable.c)
 */
function stringTable(texts: readonly string[]): { offsets: Map<string, number>; bytes: Buffer } {
  const reversed = new Map([...new Set(texts)].map((text) => [[...text].reverse().join(""), text]));
  const sorted = [...reversed.keys()]
    .sort((a, b) => comparePaths(b, a))
    .map((key) => reversed.get(key) ?? "");
  const offsets = new Map<string, number>();
  const parts: string[] = [];
  let end = 0;
  let previous: { text: string; offset: number } | undefined;
  for (const text of sorted) {
    let offset = end;
    if (previous?.text.endsWith(text)) {
      offset = previous.offset + previous.text.length - text.length;
    } else {
      parts.push(text);
      end += text.length + 1;
    }
    offsets.set(text, offset);
    previous = { text, offset };
  }
  return { offsets, bytes: Buffer.from(parts.map((text) => `${text}\0`).join(""), "latin1") };
}
