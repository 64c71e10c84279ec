import { CambiumError } from "../../../errors.ts";
import { type ArchiveFile, truncated } from "./archive-file.ts";

/**
 * One record of the central directory (APPNOTE 4.3.12), zip64 values already in their places.
 * Sizes and offsets in bytes; nothing here is checked against the member itself.
 */
export type ZipRecord = {
  readonly nameBytes: Uint8Array;
  readonly flags: number;
  readonly method: number;
  readonly crc32: number;
  readonly compressedBytes: number;
  readonly sizeBytes: number;
  /** Of the local header. */
  readonly offset: number;
  readonly externalAttributes: number;
};

export type ZipDirectory = {
  readonly records: readonly ZipRecord[];
  /** Where the central directory begins: no member reaches past it. */
  readonly offset: number;
};

/** More than any archive met so far has: torch's CUDA wheel has 12,500 members and 1.6 MB of directory. */
export const MAX_MEMBERS = 250_000;
const MAX_DIRECTORY_BYTES = 64 << 20;

const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const RECORD_BYTES = 46;

/** Tells where the central directory is. */
type End = { readonly count: number; readonly bytes: number; readonly offset: number; readonly at: number };

/**
 * Reads the central directory in one read.
 *
 * The archive must be the whole file: bytes after the end record, a directory that does not touch its end record, and
 * records that do not fill the directory are refused, since other readers would see another archive in the same file.
 * @throws CambiumError `ARCHIVE_TRUNCATED`, `ARCHIVE_LIMIT`, `ARCHIVE_HEADER_MISMATCH`, `ARCHIVE_UNSUPPORTED`.
 */
export function readZipDirectory(file: ArchiveFile, where: string): ZipDirectory {
  const end = findEnd(file, where);
  if (end.count > MAX_MEMBERS || end.bytes > MAX_DIRECTORY_BYTES) {
    throw new CambiumError(
      "ARCHIVE_LIMIT",
      `${where}: ${end.count} members in a directory of ${end.bytes} bytes; at most ${MAX_MEMBERS} in ${MAX_DIRECTORY_BYTES}`,
      { hint: "No usual wheel is like this; check where it comes from." },
    );
  }
  if (end.offset + end.bytes !== end.at) {
    throw mismatch(
      where,
      `central directory of ${end.bytes} bytes at ${end.offset}, but it must end at ${end.at}`,
    );
  }
  const bytes = readAt(file, end.offset, end.bytes);
  const records: ZipRecord[] = [];
  let at = 0;
  for (let i = 0; i < end.count; i++) {
    if (at + RECORD_BYTES > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) {
      throw mismatch(where, `no central record for member ${i + 1} of ${end.count}`);
    }
    const nameLength = bytes.readUInt16LE(at + 28);
    const extraLength = bytes.readUInt16LE(at + 30);
    const commentLength = bytes.readUInt16LE(at + 32);
    const next = at + RECORD_BYTES + nameLength + extraLength + commentLength;
    if (next > bytes.length) throw mismatch(where, `central record ${i + 1} reaches past the directory`);
    records.push(parseRecord(bytes, at, nameLength, extraLength, where));
    at = next;
  }
  if (at !== bytes.length) {
    throw mismatch(
      where,
      `${end.count} members are declared, but the directory has ${bytes.length - at} more bytes`,
    );
  }
  return { records, offset: end.offset };
}

function parseRecord(
  bytes: Buffer,
  at: number,
  nameLength: number,
  extraLength: number,
  where: string,
): ZipRecord {
  const nameBytes = bytes.subarray(at + RECORD_BYTES, at + RECORD_BYTES + nameLength);
  const extra = bytes.subarray(at + RECORD_BYTES + nameLength, at + RECORD_BYTES + nameLength + extraLength);
  let sizeBytes = bytes.readUInt32LE(at + 24);
  let compressedBytes = bytes.readUInt32LE(at + 20);
  let offset = bytes.readUInt32LE(at + 42);
  if (bytes.readUInt16LE(at + 34) !== 0) throw unsupported(where, "it is one of several volumes");
  const wide = zip64Values(extra, where);
  if (sizeBytes === 0xffffffff) sizeBytes = wide.next() ?? sizeBytes;
  if (compressedBytes === 0xffffffff) compressedBytes = wide.next() ?? compressedBytes;
  if (offset === 0xffffffff) offset = wide.next() ?? offset;
  return {
    nameBytes,
    flags: bytes.readUInt16LE(at + 8),
    method: bytes.readUInt16LE(at + 10),
    crc32: bytes.readUInt32LE(at + 16),
    compressedBytes,
    sizeBytes,
    offset,
    externalAttributes: bytes.readUInt32LE(at + 38),
  };
}

/**
 * The 8-byte values of the zip64 extra field, in the order in which saturated fields take them (APPNOTE 4.5.3).
 * @throws CambiumError `ARCHIVE_HEADER_MISMATCH` for a malformed or repeated field.
 */
export function zip64Values(
  extra: Buffer,
  where: string,
): { next(): number | undefined; readonly isPresent: boolean } {
  let field: Buffer | undefined;
  // Fewer than 4 bytes at the end are padding: that is how zipalign fills up.
  for (let at = 0; at + 4 <= extra.length; ) {
    const id = extra.readUInt16LE(at);
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (end > extra.length) throw mismatch(where, `extra field ${id} reaches past its header`);
    if (id === 1) {
      if (field !== undefined) throw mismatch(where, "two zip64 fields in one header");
      field = extra.subarray(at + 4, end);
    }
    at = end;
  }
  let taken = 0;
  return {
    isPresent: field !== undefined,
    next() {
      if (field === undefined || taken + 8 > field.length) return undefined;
      taken += 8;
      return readUint64(field, taken - 8, where);
    },
  };
}

/** Finds the end record: the last one in the file, whose comment must end where the file ends. */
function findEnd(file: ArchiveFile, where: string): End {
  if (file.sizeBytes < END_BYTES) throw truncated(where, 0, END_BYTES, file.sizeBytes);
  const tailBytes = Math.min(file.sizeBytes, END_BYTES + 0xffff + LOCATOR_BYTES + END64_BYTES);
  const tail = readAt(file, file.sizeBytes - tailBytes, tailBytes);
  const signature = Uint8Array.of(0x50, 0x4b, 5, 6);
  const at = tail.lastIndexOf(signature);
  if (at < 0 || at + END_BYTES > tail.length) {
    throw new CambiumError("ARCHIVE_TRUNCATED", `${where}: no zip end record in ${file.sizeBytes} bytes`, {
      hint: "It is cut off, or no zip archive at all; fetch it anew.",
    });
  }
  const trailing = tail.length - at - END_BYTES - tail.readUInt16LE(at + 20);
  if (trailing > 0) throw mismatch(where, `${trailing} bytes after the end of the archive`);
  if (trailing < 0) throw truncated(where, file.sizeBytes, -trailing, file.sizeBytes);
  const small: End = {
    count: tail.readUInt16LE(at + 10),
    bytes: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
    at: file.sizeBytes - tail.length + at,
  };
  if (
    tail.readUInt16LE(at + 4) !== 0 ||
    tail.readUInt16LE(at + 6) !== 0 ||
    tail.readUInt16LE(at + 8) !== small.count
  ) {
    throw unsupported(where, "it is one of several volumes");
  }
  const hasLocator = at >= LOCATOR_BYTES && tail.readUInt32LE(at - LOCATOR_BYTES) === 0x07064b50;
  return hasLocator ? wideEnd(file, small, where) : small;
}

/** The zip64 end record (APPNOTE 4.3.14), which must agree with every field of the plain one that is not saturated. */
function wideEnd(file: ArchiveFile, small: End, where: string): End {
  const locatorAt = small.at - LOCATOR_BYTES;
  const at = locatorAt - END64_BYTES;
  if (at < 0) throw truncated(where, 0, END64_BYTES, file.sizeBytes);
  const locator = readAt(file, locatorAt, LOCATOR_BYTES);
  if (readUint64(locator, 8, where) !== at || locator.readUInt32LE(4) !== 0 || locator.readUInt32LE(16) > 1) {
    throw mismatch(where, "the zip64 locator does not point to a zip64 end record before it");
  }
  const record = readAt(file, at, END64_BYTES);
  if (record.readUInt32LE(0) !== 0x06064b50 || readUint64(record, 4, where) !== END64_BYTES - 12) {
    throw mismatch(where, `no zip64 end record of ${END64_BYTES} bytes at ${at}`);
  }
  const wide: End = {
    count: readUint64(record, 32, where),
    bytes: readUint64(record, 40, where),
    offset: readUint64(record, 48, where),
    at,
  };
  const agrees = (narrow: number, max: number, value: number) => narrow === max || narrow === value;
  if (
    !agrees(small.count, 0xffff, wide.count) ||
    !agrees(small.bytes, 0xffffffff, wide.bytes) ||
    !agrees(small.offset, 0xffffffff, wide.offset) ||
    readUint64(record, 24, where) !== wide.count
  ) {
    throw mismatch(where, "the zip64 end record and the plain one disagree");
  }
  return wide;
}

function readAt(file: ArchiveFile, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  file.read(offset, bytes);
  return bytes;
}

function readUint64(bytes: Buffer, at: number, where: string): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw mismatch(where, `a size or offset of ${value} bytes`);
  return Number(value);
}

/** Two places of the archive say different things. */
export function mismatch(where: string, what: string): CambiumError {
  return new CambiumError("ARCHIVE_HEADER_MISMATCH", `${where}: ${what}`, {
    hint: "The archive is damaged, or made so that tools read it differently. Fetch it anew, or have it rebuilt.",
  });
}

export function unsupported(where: string, what: string): CambiumError {
  return new CambiumError("ARCHIVE_UNSUPPORTED", `${where}: ${what}`, {
    hint: "Wheels are plain zip archives with stored, deflate, bzip2 or lzma members; have it built anew.",
  });
}
