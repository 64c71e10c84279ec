import { CambiumError } from "../../errors.ts";
import type { ArchiveFile } from "./zip/archive-file.ts";
import { decodeMemberName, memberPath } from "./zip/member-name.ts";
import { mismatch, readZipDirectory, unsupported, type ZipRecord, zip64Values } from "./zip/zip-directory.ts";

export type Compression = "stored" | "deflate" | "bzip2" | "lzma";

/** One member whose headers agree. Sizes and offsets in bytes. */
export type ArchiveMember = {
  /** As the archive writes it; `RECORD` refers to it so. */
  readonly name: string;
  /** The path it means: relative, without `.`, `..`, empty parts or final slash. */
  readonly path: string;
  readonly isDirectory: boolean;
  readonly compression: Compression;
  /** Of the content. */
  readonly crc32: number;
  readonly sizeBytes: number;
  readonly compressedBytes: number;
  /** Of the compressed bytes in the archive. */
  readonly dataOffset: number;
  /** Type and permission bits as Unix has them; 0 where the archive says nothing. */
  readonly unixMode: number;
};

export type Archive = {
  readonly where: string;
  readonly file: ArchiveFile;
  /** In the order of the central directory. No two have one path, and no file's path is another's directory. */
  readonly members: readonly ArchiveMember[];
};

export type ArchiveLimits = {
  /** Content of all members. */
  readonly totalBytes: number;
  /** Content may be this many times the archive, beyond the first GiB. */
  readonly ratio: number;
};

/** torch's CUDA wheel: 0.8 GB that become 1.7 GB. The most compressible in our corpus becomes 14 times its size. */
export const ARCHIVE_LIMITS: ArchiveLimits = { totalBytes: 64 * 2 ** 30, ratio: 100 };

/** RFC 1951 cannot do better than 258 bytes for two bits. */
const MAX_DEFLATE_RATIO = 1032;

const LOCAL_BYTES = 30;
const FLAG_ENCRYPTED = 1 << 0;
const FLAG_DESCRIPTOR = 1 << 3;
const FLAG_PATCH = 1 << 5;
const FLAG_STRONG_ENCRYPTION = 1 << 6;
const FLAG_UTF8 = 1 << 11;
const FLAG_MASKED = 1 << 13;

/**
 * Lists a zip archive (APPNOTE 6.3.10) without trusting it: names stay inside, every local header says what the central
 * directory says, members do not overlap, sizes are possible. Contents are not read; `inspectPayload` checks those.
 * `where` names the archive in errors.
 * @throws CambiumError `ARCHIVE_TRAVERSAL`, `ARCHIVE_NAME`, `ARCHIVE_DUPLICATE`, `ARCHIVE_LINK`,
 * `ARCHIVE_HEADER_MISMATCH`, `ARCHIVE_TRUNCATED`, `ARCHIVE_LIMIT`, `ARCHIVE_UNSUPPORTED`.
 */
export function readArchive(file: ArchiveFile, where: string, limits = ARCHIVE_LIMITS): Archive {
  const directory = readZipDirectory(file, where);
  const headers = new HeaderReader(file, directory.offset);
  const members: ArchiveMember[] = [];
  const spans: Span[] = [];
  let totalBytes = 0;
  for (const record of directory.records) {
    const member = checkedRecord(record, where);
    totalBytes += member.sizeBytes;
    const span = checkedLocalHeader(headers, record, member, where);
    spans.push({ start: record.offset, end: span.end, name: member.name });
    members.push({ ...member, dataOffset: span.dataOffset });
  }
  assertSizes(totalBytes, file.sizeBytes, limits, where);
  assertNoOverlap(spans, directory.offset, where);
  assertDistinctPaths(members, where);
  return { where, file, members };
}

type Span = { readonly start: number; readonly end: number; readonly name: string };

/** What can be judged from the central record alone. */
function checkedRecord(record: ZipRecord, where: string): Omit<ArchiveMember, "dataOffset"> {
  const name = decodeMemberName(record.nameBytes, (record.flags & FLAG_UTF8) !== 0, where);
  const path = memberPath(name, where);
  if ((record.flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED)) !== 0) {
    throw unsupported(where, `member ${JSON.stringify(name)} is encrypted`);
  }
  if ((record.flags & FLAG_PATCH) !== 0)
    throw unsupported(where, `member ${JSON.stringify(name)} is a patch`);
  const compression = compressionOf(record.method, name, where);
  const unixMode = record.externalAttributes >>> 16;
  const isDirectory = name.endsWith("/");
  assertType(unixMode, isDirectory, name, where);
  if (isDirectory && record.sizeBytes !== 0) {
    throw mismatch(where, `directory ${JSON.stringify(name)} has ${record.sizeBytes} bytes of content`);
  }
  const isPossible =
    compression === "stored"
      ? record.sizeBytes === record.compressedBytes
      : compression !== "deflate" || record.sizeBytes <= record.compressedBytes * MAX_DEFLATE_RATIO;
  if (!isPossible) {
    throw mismatch(
      where,
      `member ${JSON.stringify(name)}: ${record.compressedBytes} ${compression} bytes cannot hold ${record.sizeBytes}`,
    );
  }
  return {
    name,
    path,
    isDirectory,
    compression,
    crc32: record.crc32,
    sizeBytes: record.sizeBytes,
    compressedBytes: record.compressedBytes,
    unixMode,
  };
}

function compressionOf(method: number, name: string, where: string): Compression {
  switch (method) {
    case 0:
      return "stored";
    case 8:
      return "deflate";
    case 12:
      return "bzip2";
    case 14:
      return "lzma";
    default:
      throw unsupported(where, `member ${JSON.stringify(name)} has compression method ${method}`);
  }
}

/** Only regular files and directories. Many tools write no type at all, some a file's for a directory. */
function assertType(unixMode: number, isDirectory: boolean, name: string, where: string): void {
  const type = unixMode & 0o170000;
  if (type === 0 || type === 0o100000 || (isDirectory && type === 0o040000)) return;
  throw new CambiumError(
    "ARCHIVE_LINK",
    `${where}: member ${JSON.stringify(name)} is neither file nor directory: mode 0${unixMode.toString(8)}`,
    { hint: "Links and devices have no place in a wheel; have it rebuilt by its project." },
  );
}

/** Holds the local header (and the data descriptor, if any) to the central record. */
function checkedLocalHeader(
  headers: HeaderReader,
  record: ZipRecord,
  member: Omit<ArchiveMember, "dataOffset">,
  where: string,
): { readonly dataOffset: number; readonly end: number } {
  const differs = (what: string, local: number | string, central: number | string) =>
    mismatch(
      where,
      `member ${JSON.stringify(member.name)}: ${what} ${local} in its header, ${central} in the directory`,
    );
  const fixed = headers.at(record.offset, LOCAL_BYTES);
  if (fixed === undefined || fixed.readUInt32LE(0) !== 0x04034b50) {
    throw mismatch(where, `member ${JSON.stringify(member.name)}: no header at ${record.offset}`);
  }
  const flags = fixed.readUInt16LE(6);
  const method = fixed.readUInt16LE(8);
  const crc = fixed.readUInt32LE(14);
  let compressedBytes = fixed.readUInt32LE(18);
  let sizeBytes = fixed.readUInt32LE(22);
  const nameLength = fixed.readUInt16LE(26);
  const extraLength = fixed.readUInt16LE(28);
  const variable = headers.at(record.offset + LOCAL_BYTES, nameLength + extraLength);
  if (variable === undefined) {
    throw mismatch(where, `member ${JSON.stringify(member.name)}: its header reaches into the directory`);
  }
  const nameBytes = variable.subarray(0, nameLength);
  if (!nameBytes.equals(record.nameBytes))
    throw differs("name", JSON.stringify(nameBytes.toString("latin1")), "another");
  if (method !== record.method) throw differs("method", method, record.method);
  const decisive = FLAG_ENCRYPTED | FLAG_DESCRIPTOR | FLAG_STRONG_ENCRYPTION | FLAG_UTF8 | FLAG_MASKED;
  if ((flags & decisive) !== (record.flags & decisive)) throw differs("flags", flags, record.flags);
  const wide = zip64Values(variable.subarray(nameLength), where);
  if (sizeBytes === 0xffffffff) sizeBytes = wide.next() ?? sizeBytes;
  if (compressedBytes === 0xffffffff) compressedBytes = wide.next() ?? compressedBytes;
  // With a descriptor the header may be left at 0, since its writer did not know yet.
  const isOpen = (flags & FLAG_DESCRIPTOR) !== 0;
  const agrees = (local: number, central: number) => local === central || (isOpen && local === 0);
  if (!agrees(sizeBytes, record.sizeBytes)) throw differs("size", sizeBytes, record.sizeBytes);
  if (!agrees(compressedBytes, record.compressedBytes)) {
    throw differs("compressed size", compressedBytes, record.compressedBytes);
  }
  if (!agrees(crc, record.crc32)) throw differs("CRC", crc, record.crc32);
  const dataOffset = record.offset + LOCAL_BYTES + nameLength + extraLength;
  const dataEnd = dataOffset + record.compressedBytes;
  if (!isOpen) return { dataOffset, end: dataEnd };
  const descriptorBytes = descriptorLength(headers, dataEnd, record);
  if (descriptorBytes === undefined) {
    throw mismatch(
      where,
      `member ${JSON.stringify(member.name)}: no descriptor at ${dataEnd} that agrees with the directory`,
    );
  }
  return { dataOffset, end: dataEnd + descriptorBytes };
}

/** A descriptor has 4- or 8-byte sizes, with or without a signature (APPNOTE 4.3.9): whichever agrees with the record. */
function descriptorLength(headers: HeaderReader, at: number, record: ZipRecord): number | undefined {
  for (const signature of [4, 0]) {
    for (const width of [4, 8]) {
      const length = signature + 4 + 2 * width;
      const bytes = headers.at(at, length);
      if (bytes === undefined) continue;
      if (signature === 4 && bytes.readUInt32LE(0) !== 0x08074b50) continue;
      const number = (place: number) =>
        width === 4 ? bytes.readUInt32LE(place) : Number(bytes.readBigUInt64LE(place));
      if (
        bytes.readUInt32LE(signature) === record.crc32 &&
        number(signature + 4) === record.compressedBytes &&
        number(signature + 4 + width) === record.sizeBytes
      ) {
        return length;
      }
    }
  }
  return undefined;
}

/** Reads headers through a window, since those of small members lie close together: 8,000 headers in 150 reads. */
class HeaderReader {
  readonly #file: ArchiveFile;
  /** No header reaches past this: here the central directory begins. */
  readonly #end: number;
  readonly #window = Buffer.allocUnsafe(1 << 16);
  #start = 0;
  #length = 0;

  constructor(file: ArchiveFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** A view that the next call may overwrite, or nothing where the members' part of the archive ends before. */
  at(offset: number, length: number): Buffer | undefined {
    if (offset + length > this.#end) return undefined;
    if (offset < this.#start || offset + length > this.#start + this.#length) {
      if (length > this.#window.length) {
        const bytes = Buffer.allocUnsafe(length);
        this.#file.read(offset, bytes);
        return bytes;
      }
      this.#length = Math.min(this.#window.length, this.#end - offset);
      this.#start = offset;
      this.#file.read(offset, this.#window.subarray(0, this.#length));
    }
    return this.#window.subarray(offset - this.#start, offset - this.#start + length);
  }
}

function assertSizes(totalBytes: number, archiveBytes: number, limits: ArchiveLimits, where: string): void {
  const most = Math.min(limits.totalBytes, 2 ** 30 + archiveBytes * limits.ratio);
  if (totalBytes <= most) return;
  throw new CambiumError(
    "ARCHIVE_LIMIT",
    `${where}: ${archiveBytes} bytes declare ${totalBytes} bytes of content; at most ${most}`,
    { hint: "No usual wheel is like this; check where it comes from." },
  );
}

/** A member inside another is how small archives unpack to petabytes, and how two readers see different ones. */
function assertNoOverlap(spans: Span[], directoryOffset: number, where: string): void {
  spans.sort((a, b) => a.start - b.start);
  if (spans.length > 0 && spans[0]!.start !== 0) {
    throw mismatch(where, `${spans[0]!.start} bytes before the first member`);
  }
  let previous: Span = { start: 0, end: 0, name: "" };
  for (const span of spans) {
    if (span.start < previous.end) {
      throw mismatch(
        where,
        `members ${JSON.stringify(previous.name)} and ${JSON.stringify(span.name)} overlap`,
      );
    }
    previous = span;
  }
  if (previous.end > directoryOffset) {
    throw mismatch(
      where,
      `member ${JSON.stringify(previous.name)} ends at ${previous.end}, inside the directory`,
    );
  }
}

function assertDistinctPaths(members: readonly ArchiveMember[], where: string): void {
  const seen = new Map<string, ArchiveMember>();
  for (const member of members) {
    const other = seen.get(member.path);
    if (other !== undefined) throw duplicate(where, other.name, member.name);
    seen.set(member.path, member);
  }
  const asked = new Set<string>();
  for (const member of members) {
    for (let at = member.path.lastIndexOf("/"); at > 0; at = member.path.lastIndexOf("/", at - 1)) {
      const directory = member.path.slice(0, at);
      if (asked.has(directory)) break;
      asked.add(directory);
      const other = seen.get(directory);
      if (other !== undefined && !other.isDirectory) throw duplicate(where, other.name, member.name);
    }
  }
}

function duplicate(where: string, first: string, second: string): CambiumError {
  return new CambiumError(
    "ARCHIVE_DUPLICATE",
    `${where}: members ${JSON.stringify(first)} and ${JSON.stringify(second)} cannot both be unpacked`,
    { hint: "Which one wins depends on the tool; have the archive rebuilt by its project." },
  );
}
