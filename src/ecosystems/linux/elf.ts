import type { Platform } from "../../platform.ts";

/** What the dynamic loader's cache and our checks need of a 64-bit little-endian ELF file. */
export type ElfFile = {
  /** Of the two that we build for; others are undefined. */
  readonly architecture: Platform["architecture"] | undefined;
  /** DT_SONAME. */
  readonly soname: string | undefined;
  /** DT_NEEDED, in order. */
  readonly needed: readonly string[];
  /** Folders of DT_RUNPATH or DT_RPATH, `$ORIGIN` as written. */
  readonly runpath: readonly string[];
  /** Has a dynamic section: a shared object, or a program that is linked dynamically. */
  readonly isDynamic: boolean;
  /** PT_INTERP: the dynamic loader's path. */
  readonly interpreter: string | undefined;
};

/** e_machine of the ELF header (System V ABI; values from the processors' supplements). */
const MACHINES: ReadonlyMap<number, Platform["architecture"]> = new Map([
  [62, "amd64"],
  [183, "arm64"],
]);
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_SONAME = 14;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/** One program header: file range and address. */
type Header = {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
};

export function isElf(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 64 && Buffer.from(bytes.buffer, bytes.byteOffset, 4).toString("latin1") === "\x7fELF"
  );
}

/** Reads an ELF file; undefined for what is none, is 32-bit or big-endian, or points outside of itself. */
export function readElf(bytes: Uint8Array): ElfFile | undefined {
  if (!isElf(bytes) || bytes[4] !== 2 || bytes[5] !== 1) return undefined;
  try {
    return parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function parse(bytes: Buffer): ElfFile {
  const architecture = MACHINES.get(bytes.readUInt16LE(18));
  const headers: Header[] = [];
  const start = wide(bytes, 32);
  const size = bytes.readUInt16LE(54);
  for (let i = 0; i < bytes.readUInt16LE(56); i++) {
    const at = start + i * size;
    headers.push({
      type: bytes.readUInt32LE(at),
      offset: wide(bytes, at + 8),
      address: wide(bytes, at + 16),
      size: wide(bytes, at + 32),
    });
  }
  const interp = headers.find((header) => header.type === PT_INTERP);
  const interpreter = interp === undefined ? undefined : text(bytes, interp.offset);
  const dynamic = headers.find((header) => header.type === PT_DYNAMIC);
  if (dynamic === undefined) {
    return { architecture, soname: undefined, needed: [], runpath: [], isDynamic: false, interpreter };
  }
  let strings = 0;
  let soname: number | undefined;
  let runpath: number | undefined;
  const needed: number[] = [];
  for (let at = dynamic.offset; at + 16 <= dynamic.offset + dynamic.size; at += 16) {
    const tag = wide(bytes, at);
    const value = wide(bytes, at + 8);
    if (tag === DT_NULL) break;
    if (tag === DT_NEEDED) needed.push(value);
    else if (tag === DT_SONAME) soname = value;
    else if (tag === DT_RPATH || tag === DT_RUNPATH) runpath = value;
    else if (tag === DT_STRTAB) strings = offsetOf(headers, value);
  }
  return {
    architecture,
    soname: soname === undefined ? undefined : text(bytes, strings + soname),
    needed: needed.map((offset) => text(bytes, strings + offset)),
    runpath: runpath === undefined ? [] : text(bytes, strings + runpath).split(":"),
    isDynamic: true,
    interpreter,
  };
}

/** Where an address is in the file, by the segment that loads it. */
function offsetOf(headers: readonly Header[], address: number): number {
  const load = headers.find(
    (header) =>
      header.type === PT_LOAD && address >= header.address && address < header.address + header.size,
  );
  if (load === undefined) throw new RangeError("an address outside of all segments");
  return address - load.address + load.offset;
}

function text(bytes: Buffer, at: number): string {
  const end = bytes.indexOf(0, at);
  if (at < 0 || at >= bytes.length || end < 0) throw new RangeError("a string outside of the file");
  return bytes.toString("latin1", at, end);
}

/** A 64-bit number; what exceeds 2^53 is no offset of a real file. */
function wide(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}
