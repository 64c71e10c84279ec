import type { ContentFile, ContentSource } from "../../context/content-source.ts";
import { xzDecompress } from "../../ecosystems/debian/xz.ts";
import { CambiumError, messageOf } from "../../errors.ts";
import { decompressed } from "../../image/decompress.ts";
import { digestOf } from "../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import type { ListedEntry } from "../../layer/listing.ts";
import { ListingBuilder } from "../../layer/listing-builder.ts";
import { readTar } from "../../layer/read-tar.ts";
import type { Segment, SegmentId } from "../../layer/segment.ts";
import { BLOCK_SIZE, parseTarBlock } from "../../layer/tar-fields.ts";
import { putFiles } from "../files.ts";
import { Pack } from "../pack.ts";
import { wholeSegment } from "../segments.ts";
import type { Workbench } from "../workbench.ts";
import { segmentSource } from "./made-sources.ts";

type Bench = Pick<Workbench, "store" | "lease" | "signal">;
type Compression = "none" | "gzip" | "zstd" | "bzip2" | "xz";

/** bzip2 and xz are decompressed whole in memory; gzip and zstd have no such bound. */
const MAX_WHOLE_BYTES = 256 * 2 ** 20;
/** As long as the longest magic number that is looked for. */
const MAGIC_BYTES = 8;
const EMPTY_DIGEST = digestOf("");

/**
 * What is in a tar, plain or compressed by gzip, bzip2, xz or zstd, as a source; undefined for a file that is none, which
 * its first bytes say and not its name. Unpacked once: the store remembers by the digest.
 * @throws CambiumError `ARCHIVE_…`, `XZ_INVALID`, `COPY_WHITEOUT` for an archive that is damaged or made to mislead.
 */
export async function archiveSource(
  source: ContentSource,
  file: ContentFile,
  bench: Bench,
): Promise<ContentSource | undefined> {
  const where = `${file.path} of ${source.where}`;
  const digest = await source.digest(file);
  const remembered = bench.store.records.get("archive", digest) as { segment: SegmentId | null } | undefined;
  if (remembered?.segment === null) return undefined;
  if (remembered !== undefined) {
    const known = wholeSegment(bench, remembered.segment);
    if (known !== undefined) {
      bench.lease.protect(known.blobs);
      return segmentSource(known, where, bench.store);
    }
  }
  const compression = compressionOf(await headOf(contentOf(source, file), MAGIC_BYTES));
  const tar = tarOf(source, file, compression, where);
  const segment = (await beginsLikeTar(tar, where)) ? await unpacked(tar(), where, bench) : undefined;
  bench.store.records.put("archive", digest, { segment: segment?.id ?? null });
  return segment && segmentSource(segment, where, bench.store);
}

async function* contentOf(source: ContentSource, file: ContentFile): AsyncGenerator<Uint8Array> {
  for await (const { content } of source.read([file])) yield* content;
}

function compressionOf(head: Buffer): Compression {
  const begins = (...bytes: number[]) => head.subarray(0, bytes.length).equals(Buffer.from(bytes));
  if (begins(0x42, 0x5a, 0x68)) return "bzip2";
  if (begins(0x1f, 0x8b, 8)) return "gzip";
  if (begins(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0)) return "xz";
  if (begins(0x28, 0xb5, 0x2f, 0xfd)) return "zstd";
  // A skippable frame (RFC 8878 §3.1.2).
  const isSkippable = head.length >= 8 && (head.readUInt32LE(0) & 0xfffffff0) >>> 0 === 0x184d2a50;
  return isSkippable ? "zstd" : "none";
}

/** The first bytes, copied; fewer only when there are no more. */
async function headOf(bytes: AsyncIterable<Uint8Array>, length: number): Promise<Buffer> {
  let head = Buffer.alloc(0);
  for await (const chunk of bytes) {
    head = Buffer.concat([head, chunk.subarray(0, length - head.length)]);
    if (head.length === length) break;
  }
  return head;
}

/** Whether a tar header comes first: what cannot be decompressed so far is no archive, and is copied as it is. */
async function beginsLikeTar(tar: () => AsyncIterable<Uint8Array>, where: string): Promise<boolean> {
  try {
    const block = await headOf(tar(), BLOCK_SIZE);
    if (block.length < BLOCK_SIZE || block.every((byte) => byte === 0)) return false;
    parseTarBlock(block, where);
    return true;
  } catch (error) {
    if (error instanceof CambiumError && /^(CONTEXT|DISK|STORE|BLOB)_|^ARCHIVE_LIMIT$/.test(error.code)) {
      throw error;
    }
    return false;
  }
}

/** Reads the tar each time from its beginning. */
function tarOf(
  source: ContentSource,
  file: ContentFile,
  compression: Compression,
  where: string,
): () => AsyncIterable<Uint8Array> {
  if (compression !== "bzip2" && compression !== "xz") {
    // The source's chunks may be used again while zlib still reads them in its own thread.
    return () => decompressed(copies(contentOf(source, file)), compression, where);
  }
  let whole: Promise<Uint8Array> | undefined;
  const decode = async () => {
    const packed = await wholeOf(contentOf(source, file), file.size, where);
    return compression === "xz" ? unxz(packed, where) : bunzip(packed, where);
  };
  return async function* () {
    whole ??= decode();
    yield await whole;
  };
}

async function* copies(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) yield Buffer.from(chunk);
}

async function wholeOf(bytes: AsyncIterable<Uint8Array>, size: number, where: string): Promise<Buffer> {
  if (size > MAX_WHOLE_BYTES) throw tooLarge(where);
  const whole = Buffer.alloc(size);
  let at = 0;
  for await (const chunk of bytes) {
    whole.set(chunk.subarray(0, size - at), at);
    at += chunk.length;
  }
  return whole.subarray(0, Math.min(at, size));
}

async function unxz(packed: Uint8Array, where: string): Promise<Uint8Array> {
  try {
    return await xzDecompress(packed, MAX_WHOLE_BYTES, where);
  } catch (error) {
    throw error instanceof CambiumError && error.code === "ARCHIVE_LIMIT" ? tooLarge(where) : error;
  }
}

async function bunzip(packed: Uint8Array, where: string): Promise<Uint8Array> {
  const { default: decoder } = await import("seek-bzip");
  let content = Buffer.allocUnsafe(Math.max(1 << 20, 4 * packed.length));
  let length = 0;
  const writeByte = (byte: number) => {
    if (length === content.length) {
      if (length >= MAX_WHOLE_BYTES) throw tooLarge(where);
      content = Buffer.concat([content], 2 * length);
    }
    content[length++] = byte;
  };
  try {
    decoder.decode(packed, { writeByte }, true);
  } catch (error) {
    if (error instanceof CambiumError) throw error;
    throw new CambiumError("ARCHIVE_HEADER", `${where}: damaged bzip2 data: ${messageOf(error)}`, {
      hint: "The archive is damaged or made to mislead; fetch or make it anew.",
      cause: error,
    });
  }
  return content.subarray(0, length);
}

function tooLarge(where: string): CambiumError {
  return new CambiumError("ARCHIVE_LIMIT", `${where}: more than ${MAX_WHOLE_BYTES} bytes of bzip2 or xz`, {
    hint: "Compress it with zstd or gzip instead, which are unpacked as they are read.",
  });
}

async function unpacked(tar: AsyncIterable<Uint8Array>, where: string, bench: Bench): Promise<Segment> {
  const builder = new ListingBuilder(where);
  const pack = await Pack.create(bench.store.blobs);
  let entries: readonly ListedEntry[];
  try {
    for await (const entry of readTar(tar, where)) {
      bench.signal.throwIfAborted();
      const path = builder.place(entry);
      if (path === undefined) throw whiteout(where, entry.path);
      if (entry.type !== "file") {
        builder.put(path, entry, EMPTY_DIGEST);
        continue;
      }
      const file = pack.open();
      for await (const bytes of entry.content()) await file.write(bytes);
      builder.put(path, entry, await file.end());
    }
    entries = withLinks(builder.finish().entries, where);
  } catch (error) {
    await pack.discard();
    throw error;
  }
  const label = { name: where, key: "archive", mtimeSec: CONSTANT_MTIME };
  return putFiles(label, entries, await pack.finish(), bench);
}

/**
 * What the links of an archive come to on disk: a hard link and its file have one owner and mode, the link's. A link to
 * what is no file becomes an entry of its own, one to what the archive does not have cannot be made.
 */
function withLinks(entries: readonly ListedEntry[], where: string): ListedEntry[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  for (const link of entries) {
    if (link.type !== "hardlink") continue;
    const target = byPath.get(link.target);
    if (target === undefined) {
      const message = `${where}: ${JSON.stringify(link.path)}: a hard link to ${link.target}, which is not in the archive`;
      throw new CambiumError("ARCHIVE_LINK", message, {
        hint: "Make the archive of both files, or of a symbolic link.",
      });
    }
    const { mode, uid, gid } = link;
    if (target.type === "file") byPath.set(target.path, { ...target, mode, uid, gid });
    else byPath.set(link.path, { ...target, path: link.path });
  }
  return [...byPath.values()];
}

function whiteout(where: string, path: string): CambiumError {
  return new CambiumError(
    "COPY_WHITEOUT",
    `${where}: ${JSON.stringify(path)}: a layer cannot hold this name`,
    {
      hint: "In a layer, names that begin with .wh. delete; take the file out of the archive.",
    },
  );
}
