import { gzipSync, zstdCompressSync } from "node:zlib";
import { xz } from "@napi-rs/lzma";
import type { LockedDeb } from "../../src/ecosystems/debian/lock.ts";
import { digestOf } from "../../src/layer/digest.ts";

/** A member of a tar as a test wants it, honest or not: names are written as they are. */
export type TarMember = {
  readonly name: string;
  readonly type?: "file" | "directory" | "symlink" | "hardlink" | "character" | "fifo";
  readonly content?: string | Uint8Array;
  readonly target?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
};

const TYPE_FLAGS = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  directory: "5",
  fifo: "6",
} as const;

/** A ustar archive, written apart from the product's writer. */
export function tarOf(members: readonly TarMember[]): Buffer {
  const blocks: Buffer[] = [];
  for (const member of members) {
    const type = member.type ?? "file";
    const content = Buffer.from(type === "file" ? (member.content ?? "") : "");
    const header = Buffer.alloc(512);
    const octal = (value: number, at: number, length: number) =>
      header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
    header.write(member.name, 0, 100, "utf8");
    octal(member.mode ?? (type === "directory" ? 0o755 : 0o644), 100, 8);
    octal(member.uid ?? 0, 108, 8);
    octal(member.gid ?? 0, 116, 8);
    octal(content.length, 124, 12);
    octal(1_700_000_000, 136, 12);
    header.write("        ", 148, "latin1");
    header.write(TYPE_FLAGS[type], 156, "latin1");
    header.write(member.target ?? "", 157, 100, "utf8");
    header.write("ustar\u000000", 257, "latin1");
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
    blocks.push(header, content, Buffer.alloc((512 - (content.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** An ar archive of named members. */
export function arOf(members: readonly (readonly [name: string, bytes: Uint8Array])[]): Buffer {
  const parts: Buffer[] = [Buffer.from("!<arch>\n")];
  for (const [name, bytes] of members) {
    const fields = [name.padEnd(16), "0".padEnd(12), "0".padEnd(6), "0".padEnd(6), "100644".padEnd(8)];
    parts.push(Buffer.from(`${fields.join("")}${String(bytes.length).padEnd(10)}\`\n`), Buffer.from(bytes));
    if (bytes.length % 2 === 1) parts.push(Buffer.from("\n"));
  }
  return Buffer.concat(parts);
}

const COMPRESSORS = {
  xz: (bytes: Uint8Array) => xz.compressSync(bytes),
  gz: (bytes: Uint8Array) => gzipSync(bytes),
  zst: (bytes: Uint8Array) => zstdCompressSync(bytes),
} as const;

/** A .deb with a control file and the given data members; `control` adds files such as `md5sums` and `postinst`. */
export function debOf(
  data: readonly TarMember[],
  options: {
    readonly control?: Readonly<Record<string, string>>;
    readonly compression?: keyof typeof COMPRESSORS;
    readonly name?: string;
  } = {},
): Buffer {
  const compression = options.compression ?? "xz";
  const compress = COMPRESSORS[compression];
  const stanza = `Package: ${options.name ?? "sample"}\nVersion: 1.0-1\nArchitecture: all\nDescription: a sample\n`;
  const files = { control: stanza, ...options.control };
  const control = Object.entries(files).map(([name, content]) => ({ name: `./${name}`, content }));
  return arOf([
    ["debian-binary", Buffer.from("2.0\n")],
    [`control.tar.${compression}`, compress(tarOf(control))],
    [`data.tar.${compression}`, compress(tarOf(data))],
  ]);
}

/** How a lock would pin a .deb. */
export function lockedDeb(bytes: Uint8Array, name = "sample"): LockedDeb {
  return {
    name,
    version: "1.0-1",
    architecture: "all",
    sha256: digestOf(bytes),
    sizeBytes: bytes.length,
    path: `pool/main/s/${name}/${name}_1.0-1_all.deb`,
    archive: "debian",
  };
}
