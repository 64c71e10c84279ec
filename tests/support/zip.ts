import { crc32, deflateRawSync } from "node:zlib";

/** What a header says, where it shall differ from the truth. */
export type HeaderLies = {
  readonly name?: string | Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  readonly crc32?: number;
  readonly sizeBytes?: number;
  readonly compressedBytes?: number;
  /** Extra fields, instead of those that zip64 needs. */
  readonly extra?: Uint8Array;
};

export type ZipMember = {
  readonly name: string | Uint8Array;
  readonly content?: string | Uint8Array;
  /** Default deflate; for other methods give `compressed`. */
  readonly method?: "stored" | "deflate" | number;
  readonly compressed?: Uint8Array;
  /** Type and permission bits; 0 for none. Default a regular file, 0644. */
  readonly mode?: number;
  /** Sizes and CRC after the content instead of before it. */
  readonly descriptor?: "signed" | "unsigned";
  /** Sizes and offset in zip64 extra fields. */
  readonly zip64?: boolean;
  readonly local?: HeaderLies;
  readonly central?: HeaderLies & { readonly offset?: number };
};

export type ZipOptions = {
  readonly prefix?: Uint8Array;
  readonly suffix?: Uint8Array;
  readonly comment?: string;
  /** Adds the zip64 end record and locator. */
  readonly zip64End?: boolean;
  readonly end?: { readonly count?: number; readonly bytes?: number; readonly offset?: number };
};

const MAX32 = 0xffffffff;

/** A zip archive with exactly these members in this order, right or wrong (APPNOTE 6.3.10). */
export function zip(members: readonly ZipMember[], options: ZipOptions = {}): Buffer {
  const parts: Uint8Array[] = [options.prefix ?? Buffer.alloc(0)];
  const central: Uint8Array[] = [];
  let offset = parts[0]!.length;
  for (const member of members) {
    const content = Buffer.from(member.content ?? "");
    const method =
      member.method === "stored"
        ? 0
        : member.method === "deflate" || member.method === undefined
          ? 8
          : member.method;
    const raw = member.compressed ?? (method === 0 ? content : deflateRawSync(content));
    const name = Buffer.from(member.name);
    const truth = {
      name,
      method,
      flags: (member.descriptor === undefined ? 0 : 8) | (typeof member.name === "string" ? 0x800 : 0),
      crc32: crc32(content),
      sizeBytes: content.length,
      compressedBytes: raw.length,
    };
    const isOpen = member.descriptor !== undefined;
    const open = isOpen ? { crc32: 0, sizeBytes: 0, compressedBytes: 0 } : {};
    const header = localHeader({ ...truth, ...open, ...member.local }, member.zip64 === true);
    const tail = isOpen
      ? descriptor(truth, member.descriptor === "signed", member.zip64 === true)
      : Buffer.alloc(0);
    const record = { ...truth, offset, ...member.central };
    central.push(centralHeader(record, member.mode ?? 0o100644, member.zip64 === true));
    parts.push(header, raw, tail);
    offset += header.length + raw.length + tail.length;
  }
  const directory = Buffer.concat(central);
  const end = { count: members.length, bytes: directory.length, offset, ...options.end };
  parts.push(
    directory,
    endRecords(end, offset + directory.length, options),
    options.suffix ?? Buffer.alloc(0),
  );
  return Buffer.concat(parts);
}

type Header = Required<Omit<HeaderLies, "extra">> & { readonly extra?: Uint8Array };

function localHeader(header: Header, isWide: boolean): Buffer {
  const name = Buffer.from(header.name);
  const extra =
    header.extra ?? (isWide ? wideExtra(header.sizeBytes, header.compressedBytes) : Buffer.alloc(0));
  const out = Buffer.alloc(30);
  out.writeUInt32LE(0x04034b50, 0);
  out.writeUInt16LE(20, 4);
  out.writeUInt16LE(header.flags, 6);
  out.writeUInt16LE(header.method, 8);
  out.writeUInt16LE(0x21, 12);
  out.writeUInt32LE(header.crc32, 14);
  out.writeUInt32LE(isWide ? MAX32 : header.compressedBytes, 18);
  out.writeUInt32LE(isWide ? MAX32 : header.sizeBytes, 22);
  out.writeUInt16LE(name.length, 26);
  out.writeUInt16LE(extra.length, 28);
  return Buffer.concat([out, name, extra]);
}

function centralHeader(header: Header & { readonly offset: number }, mode: number, isWide: boolean): Buffer {
  const name = Buffer.from(header.name);
  const extra =
    header.extra ??
    (isWide ? wideExtra(header.sizeBytes, header.compressedBytes, header.offset) : Buffer.alloc(0));
  const out = Buffer.alloc(46);
  out.writeUInt32LE(0x02014b50, 0);
  out.writeUInt16LE((3 << 8) | 20, 4);
  out.writeUInt16LE(20, 6);
  out.writeUInt16LE(header.flags, 8);
  out.writeUInt16LE(header.method, 10);
  out.writeUInt16LE(0x21, 14);
  out.writeUInt32LE(header.crc32, 16);
  out.writeUInt32LE(isWide ? MAX32 : header.compressedBytes, 20);
  out.writeUInt32LE(isWide ? MAX32 : header.sizeBytes, 24);
  out.writeUInt16LE(name.length, 28);
  out.writeUInt16LE(extra.length, 30);
  out.writeUInt32LE((mode << 16) >>> 0, 38);
  out.writeUInt32LE(isWide ? MAX32 : header.offset, 42);
  return Buffer.concat([out, name, extra]);
}

function wideExtra(...values: number[]): Buffer {
  const out = Buffer.alloc(4 + 8 * values.length);
  out.writeUInt16LE(1, 0);
  out.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, index) => {
    out.writeBigUInt64LE(BigInt(value), 4 + 8 * index);
  });
  return out;
}

function descriptor(truth: Header, isSigned: boolean, isWide: boolean): Buffer {
  const out = Buffer.alloc(4 + (isWide ? 16 : 8));
  out.writeUInt32LE(truth.crc32, 0);
  if (isWide) {
    out.writeBigUInt64LE(BigInt(truth.compressedBytes), 4);
    out.writeBigUInt64LE(BigInt(truth.sizeBytes), 12);
  } else {
    out.writeUInt32LE(truth.compressedBytes, 4);
    out.writeUInt32LE(truth.sizeBytes, 8);
  }
  return isSigned ? Buffer.concat([Buffer.from("PK\x07\x08"), out]) : out;
}

function endRecords(
  end: { readonly count: number; readonly bytes: number; readonly offset: number },
  at: number,
  options: ZipOptions,
): Buffer {
  const isWide = options.zip64End === true;
  const comment = Buffer.from(options.comment ?? "");
  const plain = Buffer.alloc(22);
  plain.writeUInt32LE(0x06054b50, 0);
  plain.writeUInt16LE(isWide ? 0xffff : end.count, 8);
  plain.writeUInt16LE(isWide ? 0xffff : end.count, 10);
  plain.writeUInt32LE(isWide ? MAX32 : end.bytes, 12);
  plain.writeUInt32LE(isWide ? MAX32 : end.offset, 16);
  plain.writeUInt16LE(comment.length, 20);
  if (!isWide) return Buffer.concat([plain, comment]);
  const wide = Buffer.alloc(76);
  wide.writeUInt32LE(0x06064b50, 0);
  wide.writeBigUInt64LE(44n, 4);
  wide.writeBigUInt64LE(BigInt(end.count), 24);
  wide.writeBigUInt64LE(BigInt(end.count), 32);
  wide.writeBigUInt64LE(BigInt(end.bytes), 40);
  wide.writeBigUInt64LE(BigInt(end.offset), 48);
  wide.writeUInt32LE(0x07064b50, 56);
  wide.writeBigUInt64LE(BigInt(at), 64);
  wide.writeUInt32LE(1, 72);
  return Buffer.concat([wide, plain, comment]);
}
