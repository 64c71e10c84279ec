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
/** Far above real files' (some 30 headers, 50 tags, 40 libraries); together they bound what one reading holds. */
const MAX_HEADER_BYTES = 1 << 16;
const MAX_DYNAMIC_BYTES = 1 << 16;
const MAX_NEEDED = 1024;
/** A file's name, and a list of folders. */
const MAX_NAME_BYTES = 256;
const MAX_PATH_BYTES = 4096;
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

/** Bytes of a file that a reading wants next. What lies behind the file's end comes back shorter. */
export type FileRange = { readonly offset: number; readonly length: number };

/**
 * The reading of one file, whoever has its bytes: it yields ranges, is given their bytes in the same order, and returns
 * what it found; four steps at most. Throws RangeError for what points outside of the file.
 */
export type ElfReading = Generator<readonly FileRange[], ElfFile | undefined, readonly Buffer[]>;

export function isElf(bytes: Uint8Array): boolean {
  return (
    bytes.length >= 64 && Buffer.from(bytes.buffer, bytes.byteOffset, 4).toString("latin1") === "\x7fELF"
  );
}

/**
 * Reads an ELF file; undefined for what is none, is 32-bit or big-endian, points outside of itself, or is beyond the
 * limits above.
 */
export function readElf(bytes: Uint8Array): ElfFile | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reading = elfReading();
  let step = nextStep(reading, []);
  while (!step.done) {
    const parts = step.value.map(({ offset, length }) => file.subarray(offset, offset + length));
    step = nextStep(reading, parts);
  }
  return step.value;
}

/** The next step of a reading; one that leaves the file is at its end, with nothing. */
export function nextStep(reading: ElfReading, parts: readonly Buffer[]): ReturnType<ElfReading["next"]> {
  try {
    return reading.next(parts);
  } catch (error) {
    if (error instanceof RangeError) return { done: true, value: undefined };
    throw error;
  }
}

export function* elfReading(): ElfReading {
  const [start] = (yield [range(0, 64)]) as [Buffer];
  if (!isElf(start) || start[4] !== 2 || start[5] !== 1) return undefined;
  const architecture = MACHINES.get(start.readUInt16LE(18));
  const size = start.readUInt16LE(54);
  const count = start.readUInt16LE(56);
  const [table] = (yield [range(wide(start, 32), limited(size * count, MAX_HEADER_BYTES))]) as [Buffer];
  const headers = Array.from({ length: count }, (_, i): Header => {
    const at = i * size;
    return {
      type: table.readUInt32LE(at),
      offset: wide(table, at + 8),
      address: wide(table, at + 16),
      size: wide(table, at + 32),
    };
  });
  const interp = headers.find((header) => header.type === PT_INTERP);
  const dynamic = headers.find((header) => header.type === PT_DYNAMIC);
  const [path, section] = (yield [
    interp === undefined ? range(0, 0) : range(interp.offset, MAX_PATH_BYTES),
    dynamic === undefined ? range(0, 0) : range(dynamic.offset, limited(dynamic.size, MAX_DYNAMIC_BYTES)),
  ]) as [Buffer, Buffer];
  const interpreter = interp === undefined ? undefined : text(path);
  if (dynamic === undefined) {
    return { architecture, soname: undefined, needed: [], runpath: [], isDynamic: false, interpreter };
  }
  const tags = dynamicTags(section);
  const offsets = tags.filter(({ tag }) => tag === DT_NEEDED).map(({ value }) => value);
  const last = (...wanted: readonly number[]) => tags.findLast(({ tag }) => wanted.includes(tag))?.value;
  const soname = last(DT_SONAME);
  const runpath = last(DT_RPATH, DT_RUNPATH);
  const address = last(DT_STRTAB);
  const strings = address === undefined ? 0 : offsetOf(headers, address);
  const string = (offset: number | undefined, maxBytes: number) =>
    offset === undefined ? range(0, 0) : range(strings + offset, maxBytes);
  limited(offsets.length, MAX_NEEDED);
  const [ownName, folders, ...names] = (yield [
    string(soname, MAX_NAME_BYTES),
    string(runpath, MAX_PATH_BYTES),
    ...offsets.map((offset) => string(offset, MAX_NAME_BYTES)),
  ]) as [Buffer, Buffer, ...Buffer[]];
  return {
    architecture,
    soname: soname === undefined ? undefined : text(ownName),
    needed: names.map(text),
    runpath: runpath === undefined ? [] : text(folders).split(":"),
    isDynamic: true,
    interpreter,
  };
}

function dynamicTags(section: Buffer): { readonly tag: number; readonly value: number }[] {
  const tags: { tag: number; value: number }[] = [];
  for (let at = 0; at + 16 <= section.length; at += 16) {
    const tag = wide(section, at);
    if (tag === DT_NULL) break;
    tags.push({ tag, value: wide(section, at + 8) });
  }
  return tags;
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

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  if (end < 0) throw new RangeError("a string outside of the file, or too long");
  return bytes.toString("latin1", 0, end);
}

/** A 64-bit number; what exceeds 2^53 is no offset of a real file. */
function wide(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

function range(offset: number, length: number): FileRange {
  if (!Number.isSafeInteger(offset + length)) throw new RangeError("an offset beyond all files");
  return { offset, length };
}

function limited(value: number, most: number): number {
  if (value > most) throw new RangeError("more than any real file has");
  return value;
}
