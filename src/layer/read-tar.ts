import { CambiumError } from "../errors.ts";
import { ByteSource } from "./byte-source.ts";
import { textFromBytes } from "./raw-text.ts";
import {
  BLOCK_SIZE,
  type DecodeName,
  headerError,
  idOf,
  type PaxRecord,
  parsePaxRecords,
  parseTarBlock,
  sizeOf,
  type TarBlock,
  utf8,
} from "./tar-fields.ts";

export type TarEntryType = "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";

/**
 * One member of a tar, checked. `path` and a hard link's `target` are normalised as in `Entry`; a symlink's `target`
 * is its text. `mode` holds the lower twelve bits, `size` is in bytes and 0 for all but files, `mtimeSec` may have a
 * fraction. Whiteouts are ordinary files here.
 */
export type TarEntry = {
  readonly path: string;
  readonly type: TarEntryType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname?: string;
  readonly gname?: string;
  readonly mtimeSec: number;
  /** The time as PAX writes it, if it has a fraction: a double keeps no nanoseconds. */
  readonly mtimeText?: string;
  readonly size: number;
  readonly target?: string;
  /** Values as latin1 strings, since an xattr is bytes. */
  readonly xattrs?: Readonly<Record<string, string>>;
  readonly device?: { readonly major: number; readonly minor: number };
  /** Where the content begins in the tar, in bytes: for archives that are read again by position. */
  readonly offset: number;
  /** The file's bytes, once, and only before the next entry is asked for; what is not read is skipped. */
  content(): AsyncIterable<Uint8Array>;
};

/** Bounds against archives that are small outside and endless inside. */
export type TarLimits = {
  /** 2,000,000 by default: a large distribution image has some 200,000, and a step may write a million files. */
  readonly maxEntries?: number;
  /** Bytes of the tar with its headers, 64 GiB by default. */
  readonly maxTotalBytes?: number;
  /** Bytes of one PAX header or GNU long name, 1 MiB by default: an xattr may have 64 KiB, a path 4 KiB. */
  readonly maxHeaderBytes?: number;
  /** A second member of the same path is `ARCHIVE_DUPLICATE`; off by default, since plain tars may replace members. */
  readonly refuseDuplicates?: boolean;
  /** Names that are not UTF-8 are taken as `textFromBytes` writes them; by default they are `ARCHIVE_NAME`. */
  readonly hasRawNames?: boolean;
};

const TYPES: Readonly<Record<string, TarEntryType>> = {
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "file",
};

/** Linux's PATH_MAX: longer paths could not be made by one call, and no image has them. */
const MAX_PATH_BYTES = 4096;
const XATTR_PREFIX = "SCHILY.xattr.";

/**
 * The one reader of tars that come from outside: ustar, PAX and GNU, members in their order, the root itself left out.
 * `where` says in messages what is read. Reads `source` to its end, so that a digest check around it comes to its
 * verdict. Memory: one chunk. Where known readers disagree about a member (sparse files, sizes on non-files, two
 * sources of a name), it is refused instead of guessed.
 * @throws CambiumError `ARCHIVE_TRAVERSAL`, `ARCHIVE_TRUNCATED`, `ARCHIVE_CHECKSUM`, `ARCHIVE_HEADER`, `ARCHIVE_NAME`,
 *   `ARCHIVE_UNSUPPORTED`, `ARCHIVE_LIMIT`, `ARCHIVE_DUPLICATE`.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  where: string,
  limits: TarLimits = {},
): AsyncGenerator<TarEntry> {
  const bytes = new ByteSource(source, where, limits.maxTotalBytes ?? 64 * 2 ** 30);
  const maxEntries = limits.maxEntries ?? 2_000_000;
  const seen = limits.refuseDuplicates === true ? new Set<string>() : undefined;
  const decode = limits.hasRawNames === true ? textFromBytes : utf8;
  const headers = new HeaderReader(bytes, where, limits.maxHeaderBytes ?? 2 ** 20, decode);
  let count = 0;
  try {
    for (;;) {
      const header = await headers.next();
      if (header === undefined) break;
      count += 1;
      if (count > maxEntries) throw limitError(where, `more than ${maxEntries} members`);
      const start = bytes.position;
      if (header.path !== "") {
        if (seen?.has(header.path)) throw duplicateError(where, header.path);
        seen?.add(header.path);
        yield { ...header, offset: start, content: () => bytes.chunks(start, header.size) };
      } else if (header.type !== "directory") {
        throw headerError(where, `the root is a ${header.type}`);
      }
      await bytes.skip(start + header.size + padding(header.size) - bytes.position);
    }
    await bytes.drain();
  } finally {
    await bytes.close();
  }
}

/** Bytes from the end of a member's content to the next header. */
function padding(size: number): number {
  return (BLOCK_SIZE - (size % BLOCK_SIZE)) % BLOCK_SIZE;
}

type Header = Omit<TarEntry, "content" | "offset">;

/** Joins each header block with the extension headers before it. */
class HeaderReader {
  readonly #bytes: ByteSource;
  readonly #where: string;
  readonly #maxHeaderBytes: number;
  readonly #decode: DecodeName;
  readonly #global = new Map<string, Buffer>();
  #globalBytes = 0;
  #localBytes = 0;

  constructor(bytes: ByteSource, where: string, maxHeaderBytes: number, decode: DecodeName) {
    this.#bytes = bytes;
    this.#where = where;
    this.#maxHeaderBytes = maxHeaderBytes;
    this.#decode = decode;
  }

  /** Undefined at the end of the archive, which is at least one block of zeros. */
  async next(): Promise<Header | undefined> {
    const local = new Map<string, Buffer>();
    let longName: string | undefined;
    let longTarget: string | undefined;
    this.#localBytes = 0;
    for (;;) {
      const at = this.#bytes.position;
      const raw = await this.#bytes.take(BLOCK_SIZE);
      const isExtended = local.size > 0 || longName !== undefined || longTarget !== undefined;
      if (isZero(raw)) {
        if (isExtended) throw headerError(this.#where, "the archive ends after an extended header");
        return undefined;
      }
      const block = parseTarBlock(raw, `${this.#where}: header at byte ${at}`, this.#decode);
      switch (block.typeflag) {
        case "x":
          for (const { key, value } of await this.#records(block)) local.set(key, value);
          break;
        case "g":
          await this.#addGlobal(block);
          break;
        case "L":
          longName = await this.#longText(block);
          break;
        case "K":
          longTarget = await this.#longText(block);
          break;
        default:
          return this.#merged(block, new Map([...this.#global, ...local]), longName, longTarget);
      }
    }
  }

  /** Go's reader ignores global records, GNU tar obeys them: refused where that decides what a member is. */
  async #addGlobal(block: TarBlock): Promise<void> {
    this.#globalBytes += block.size;
    if (this.#globalBytes > this.#maxHeaderBytes) {
      throw limitError(this.#where, `more than ${this.#maxHeaderBytes} bytes of global headers`);
    }
    for (const { key, value } of await this.#records(block)) {
      if (key === "path" || key === "linkpath" || key === "size") {
        throw unsupportedError(this.#where, `a global PAX record for ${key}`);
      }
      this.#global.set(key, value);
    }
  }

  async #records(block: TarBlock): Promise<PaxRecord[]> {
    return parsePaxRecords(await this.#body(block), `${this.#where}: ${JSON.stringify(block.name)}`);
  }

  async #longText(block: TarBlock): Promise<string> {
    const body = await this.#body(block);
    const end = body.indexOf(0);
    return this.#decode(end === -1 ? body : body.subarray(0, end), this.#where);
  }

  async #body(block: TarBlock): Promise<Buffer> {
    this.#localBytes += block.size;
    if (this.#localBytes > this.#maxHeaderBytes) {
      throw limitError(
        this.#where,
        `extended headers of ${this.#localBytes} bytes, allowed are ${this.#maxHeaderBytes}`,
      );
    }
    const body = await this.#bytes.take(block.size);
    await this.#bytes.skip(padding(block.size));
    return body;
  }

  #merged(
    block: TarBlock,
    pax: ReadonlyMap<string, Buffer>,
    longName: string | undefined,
    longTarget: string | undefined,
  ): Header {
    return mergedHeader(block, { pax, longName, longTarget }, this.#where, this.#decode);
  }
}

type Extensions = {
  readonly pax: ReadonlyMap<string, Buffer>;
  readonly longName: string | undefined;
  readonly longTarget: string | undefined;
};

function mergedHeader(
  block: TarBlock,
  { pax, longName, longTarget }: Extensions,
  where: string,
  decode: DecodeName,
): Header {
  const text = (key: string) => {
    const value = pax.get(key);
    // POSIX: an empty value takes a global record back.
    return value === undefined || value.length === 0 ? undefined : decode(value, where);
  };
  const number = (key: string) => {
    const value = text(key);
    if (value === undefined) return undefined;
    if (!/^-?[0-9]{1,20}(\.[0-9]*)?$/.test(value))
      throw headerError(where, `PAX ${key} is not a number: ${value}`);
    return Number(value);
  };
  const paxPath = text("path");
  const paxTarget = text("linkpath");
  if (
    (paxPath !== undefined && longName !== undefined) ||
    (paxTarget !== undefined && longTarget !== undefined)
  ) {
    throw headerError(where, `${JSON.stringify(block.name)} is named by both a PAX and a GNU header`);
  }
  const name = paxPath ?? longName ?? block.name;
  const what = `${where}: ${JSON.stringify(name)}`;
  const type = typeOf(block, name, what);
  for (const key of pax.keys()) {
    if (key.startsWith("GNU.sparse.")) throw unsupportedError(what, "a sparse file");
  }
  const link = paxTarget ?? longTarget ?? block.linkname;
  const uname = text("uname") ?? block.uname;
  const gname = text("gname") ?? block.gname;
  const xattrs = xattrsOf(pax);
  const mtimeText = text("mtime");
  return {
    path: normalisedPath(name, what),
    type,
    mode: block.mode,
    uid: idOf(number("uid") ?? block.uid, "uid", what),
    gid: idOf(number("gid") ?? block.gid, "gid", what),
    ...(uname === "" ? {} : { uname }),
    ...(gname === "" ? {} : { gname }),
    mtimeSec: number("mtime") ?? block.mtimeSec,
    ...(mtimeText?.includes(".") === true ? { mtimeText } : {}),
    size: contentSize(type, block.size, number("size"), what),
    ...(type === "symlink" ? { target: symlinkTarget(link, what) } : {}),
    ...(type === "hardlink" ? { target: hardlinkTarget(link, what) } : {}),
    ...(xattrs === undefined ? {} : { xattrs }),
    ...(type === "character" || type === "block"
      ? { device: { major: block.major, minor: block.minor } }
      : {}),
  };
}

function typeOf(block: TarBlock, name: string, where: string): TarEntryType {
  const type = TYPES[block.typeflag];
  if (type === undefined) throw unsupportedError(where, `member type ${JSON.stringify(block.typeflag)}`);
  // v7 had no directory type but a slash at the end.
  return type === "file" && name.endsWith("/") ? "directory" : type;
}

/** Only files have content; GNU tar would skip a directory's "content", Go would read headers from it. */
function contentSize(type: TarEntryType, inBlock: number, inPax: number | undefined, where: string): number {
  const size = sizeOf(inPax ?? inBlock, where);
  if (type === "file") return size;
  // Old writers state the linked file's size in the block of a hard link, and all readers pass over it.
  if (type === "hardlink" && inPax === undefined) return 0;
  if (size !== 0) throw headerError(where, `a ${type} with ${size} bytes of content`);
  return 0;
}

function xattrsOf(pax: ReadonlyMap<string, Buffer>): Record<string, string> | undefined {
  const found = [...pax].filter(([key]) => key.startsWith(XATTR_PREFIX) && key.length > XATTR_PREFIX.length);
  if (found.length === 0) return undefined;
  // fromEntries defines, so that a name like __proto__ is a plain member.
  return Object.fromEntries(
    found.map(([key, value]) => [key.slice(XATTR_PREFIX.length), value.toString("latin1")]),
  );
}

/** Without `.`, empty parts and the slash at the end; `""` for the root. */
function normalisedPath(name: string, where: string): string {
  assertText(name, "path", where);
  const parts = name.split("/");
  if (name.startsWith("/") || parts.includes("..")) {
    throw new CambiumError("ARCHIVE_TRAVERSAL", `${where}: the path leaves the root`, {
      hint: "Members must have relative paths without `..`; make the archive anew.",
    });
  }
  return parts.filter((part) => part !== "" && part !== ".").join("/");
}

function hardlinkTarget(link: string, where: string): string {
  const target = normalisedPath(link, `${where} -> ${JSON.stringify(link)}`);
  if (target === "") throw headerError(where, "a hard link to the root");
  return target;
}

function symlinkTarget(link: string, where: string): string {
  assertText(link, "link target", where);
  return link;
}

function assertText(text: string, what: string, where: string): void {
  if (text === "") throw headerError(where, `the ${what} is empty`);
  if (text.includes("\0")) throw headerError(where, `the ${what} has a NUL byte`);
  if (Buffer.byteLength(text) > MAX_PATH_BYTES) {
    throw limitError(where.slice(0, 200), `the ${what} is longer than ${MAX_PATH_BYTES} bytes`);
  }
}

const ZERO_BLOCK = Buffer.alloc(BLOCK_SIZE);

function isZero(block: Buffer): boolean {
  return block.equals(ZERO_BLOCK);
}

function limitError(where: string, problem: string): CambiumError {
  return new CambiumError("ARCHIVE_LIMIT", `${where}: ${problem}`, {
    hint: "No usual archive is like this; check where it comes from.",
  });
}

function unsupportedError(where: string, what: string): CambiumError {
  return new CambiumError("ARCHIVE_UNSUPPORTED", `${where}: ${what} is not supported`, {
    hint: "Make the archive with GNU tar or bsdtar, without sparse files and several volumes.",
  });
}

function duplicateError(where: string, path: string): CambiumError {
  return new CambiumError("ARCHIVE_DUPLICATE", `${where}: ${JSON.stringify(path)} stands there twice`, {
    hint: "Readers disagree about which one counts; make the archive anew.",
  });
}
