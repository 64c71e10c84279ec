import type { ImageTree } from "../../image/image-tree.ts";
import type { WantedFile } from "../../layer/listing.ts";
import type { Platform } from "../../platform.ts";
import { TUPLES } from "./tuples.ts";

/** The C library that programs are linked to. `version` is undefined when no file tells it. */
export type Libc = {
  readonly kind: "glibc" | "musl";
  readonly version: readonly [major: number, minor: number] | undefined;
};

type Architecture = Platform["architecture"];

/** The dynamic loaders' paths, which are written into every program (glibc's and musl's ABI). */
export const GLIBC_LOADERS: Readonly<Record<Architecture, string>> = {
  amd64: "lib64/ld-linux-x86-64.so.2",
  arm64: "lib/ld-linux-aarch64.so.1",
};
const MUSL_LOADERS: Readonly<Record<Architecture, string>> = {
  amd64: "lib/ld-musl-x86_64.so.1",
  arm64: "lib/ld-musl-aarch64.so.1",
};
const LIBRARY =
  /^(?:usr\/)?lib(?:64)?\/(?:[^/]+\/)?(?:libc\.so\.6|libc-2\.\d+\.so|ld-musl-[^/]+\.so\.1|libc\.so)$/;
/** glibc's has 2 MB, with debug information 15. */
const MAX_LIBRARY_BYTES = 32 << 20;

/** Keeps the version that a C library has in itself, as `glibc 2.36` or `musl 1.2`. */
export function wantedLibc(path: string): WantedFile | undefined {
  return LIBRARY.test(path) ? { maxBytes: MAX_LIBRARY_BYTES, reduce: libcBanner } : undefined;
}

/** glibc prints its banner when it is run; musl's version is a string of its own. */
function libcBanner(content: Uint8Array): Uint8Array | undefined {
  const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("latin1");
  const glibc = /GNU C Library [^\0\n]{0,80}release version (\d+\.\d+)/.exec(text)?.[1];
  if (glibc !== undefined) return Buffer.from(`glibc ${glibc}`);
  const isMusl = text.includes("musl libc (");
  const musl = isMusl ? /\0(1\.\d+)\.\d+[\w.-]{0,40}\0/.exec(text)?.[1] : undefined;
  return musl === undefined ? undefined : Buffer.from(`musl ${musl}`);
}

/**
 * The C library of an image, undefined where there is none for the architecture. musl counts where glibc has a loader
 * but no library, which is how musl distributions pretend to be compatible.
 */
export function libcOf(tree: ImageTree, architecture: Architecture): Libc | undefined {
  if (tree.lookup(GLIBC_LOADERS[architecture]) !== undefined) {
    const library = librariesOfC(architecture).find((path) => tree.lookup(path)?.type === "file");
    if (library !== undefined) return { kind: "glibc", version: glibcVersion(tree, library, architecture) };
  }
  const loader = tree.lookup(MUSL_LOADERS[architecture]);
  if (loader === undefined) return undefined;
  return { kind: "musl", version: statedVersion(tree, MUSL_LOADERS[architecture], "musl") };
}

/** Up to 2.33 glibc's files have their version in the name: `libc-2.31.so`, `ld-2.31.so`. */
function glibcVersion(tree: ImageTree, library: string, architecture: Architecture): Libc["version"] {
  const stated = statedVersion(tree, library, "glibc");
  if (stated !== undefined) return stated;
  for (const path of [library, GLIBC_LOADERS[architecture]]) {
    const match = /(?:libc|ld)-(\d+)\.(\d+)\.so$/.exec(tree.lookup(path)?.path ?? "");
    if (match !== null) return [Number(match[1]), Number(match[2])];
  }
  return undefined;
}

function statedVersion(tree: ImageTree, path: string, kind: Libc["kind"]): Libc["version"] {
  const match = /^(\w+) (\d+)\.(\d+)$/.exec(tree.text(path) ?? "");
  return match?.[1] === kind ? [Number(match[2]), Number(match[3])] : undefined;
}

function librariesOfC(architecture: Architecture): string[] {
  const folders = [`lib/${TUPLES[architecture]}`, `usr/lib/${TUPLES[architecture]}`];
  return [...folders, "lib64", "usr/lib64", "lib", "usr/lib"].map((folder) => `${folder}/libc.so.6`);
}
