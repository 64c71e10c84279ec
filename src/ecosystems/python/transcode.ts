import { crc32 } from "node:zlib";
import { CambiumError } from "../../errors.ts";
import { deflatePinned } from "../../layer/deflate.ts";
import { type Digest, digestOf, Hasher } from "../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import { inflatePayload, inflateStart } from "../../layer/inflate.ts";
import type {
  BlobReader,
  BlobWriter,
  Payload,
  Recipe,
  Segment,
  SegmentFile,
  SharedObject,
} from "../../layer/segment.ts";
import { segmentId } from "../../layer/segment-id.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
import { type ElfFile, readElf } from "../linux/elf.ts";
import { ElfBudget } from "../linux/elf-budget.ts";
import { ElfScanner } from "../linux/elf-scanner.ts";
import { readArchive } from "./archive.ts";
import type { DirectUrl, NormalizedName } from "./lock.ts";
import { parseWheelFilename } from "./standards/wheel-filename.ts";
import { directUrlJson } from "./wheel/direct-url.ts";
import { type InstalledFile, installedFiles } from "./wheel/install.ts";
import { venvScheme } from "./wheel/scheme.ts";
import { type ArchiveFile, withArchiveFile } from "./zip/archive-file.ts";
import { MAX_WHOLE_BYTES, readMember } from "./zip/member-content.ts";

/** A wheel to transcode. `digest` must have been verified: it is what payloads refer to. */
export type WheelInput = {
  /** Absolute path of the file. */
  readonly path: string;
  readonly digest: Digest;
  /** As the index calls it: it decides name, version and compatibility tags. */
  readonly filename: string;
  readonly directUrl?: DirectUrl;
};

/** What is told of a file's content when it went by. */
export type FileContent = {
  readonly digest: Digest;
  /** Of a dynamically linked ELF file that could be read. */
  readonly elf?: ElfFile | undefined;
};

/** A file of the segment; `content` is there where planning had to see it anyway. */
export type PlannedFile = Omit<SegmentFile, "digest"> & { readonly content?: FileContent };

/** A segment but for the digests of what stays deflated as it is. */
export type WheelPlan = {
  readonly recipe: Recipe;
  readonly name: NormalizedName;
  /** PEP 440, normalised. */
  readonly version: string;
  /** Sorted by path. */
  readonly files: readonly PlannedFile[];
  /** Deflated content of generated and recompressed files, one after another; its digest is in their payloads. */
  readonly pack: Uint8Array;
};

/**
 * The identity of a wheel's segment, known without its bytes. The Python version stands in it only for wheels that
 * serve one minor version, because only theirs can have paths with X.Y in them.
 * @throws CambiumError `WHEEL_FILENAME`.
 */
export function wheelRecipe(digest: Digest, filename: string, directUrl?: DirectUrl): Recipe {
  const scheme = venvScheme(parseWheelFilename(filename));
  return {
    ecosystem: "python",
    layoutVersion: LAYOUT_VERSIONS.wheel,
    source: digest,
    options: {
      scheme: scheme.id,
      ...(scheme.pythonVersion === undefined ? {} : { python: scheme.pythonVersion }),
      ...(directUrl === undefined ? {} : { directUrl: directUrlJson(directUrl) }),
    },
  };
}

/**
 * Decides every file of the segment without inflating what stays deflated: reads the zip's listing, the metadata and
 * the first bytes of scripts. Memory: the listing, and the pack.
 * @throws CambiumError `WHEEL_*`, `ARCHIVE_*`, `CRC_INVALID`, `SIZE_INVALID`, `DEFLATE_INVALID`.
 */
export async function planWheel(input: WheelInput): Promise<WheelPlan> {
  return await withArchiveFile(input.path, input.filename, (file) => planWheelFile(input, file));
}

/** As `planWheel`, for a wheel that is open or in memory. */
export async function planWheelFile(input: Omit<WheelInput, "path">, file: ArchiveFile): Promise<WheelPlan> {
  const wheel = parseWheelFilename(input.filename);
  const archive = readArchive(file, input.filename);
  const drafts = await installedFiles(archive, wheel, venvScheme(wheel), input.directUrl);
  const pack = new PackBuilder(input.filename);
  const pending: { readonly draft: InstalledFile; readonly place?: PackPlace }[] = [];
  for (const draft of drafts) {
    if (draft.content.kind === "bytes") pending.push({ draft, place: pack.add(draft.content.bytes) });
    else if (draft.content.member.compression === "deflate" || draft.content.member.sizeBytes === 0)
      pending.push({ draft });
    else pending.push({ draft, place: pack.add(await readMember(archive, draft.content.member)) });
  }
  const packed = pack.end();
  const files = pending.map(({ draft, place }): PlannedFile => {
    const base = { type: "file", path: draft.path, mode: draft.mode, uid: 0, gid: 0 } as const;
    if (place !== undefined) {
      const { offset, length, crc32 } = place;
      const payload = place.size === 0 ? {} : { payload: { blob: packed.digest, offset, length, crc32 } };
      const { digest, elf } = place;
      return { ...base, size: place.size, content: { digest, elf }, ...payload };
    }
    if (draft.content.kind === "bytes") throw new TypeError(`${draft.path} is not packed`);
    const { member } = draft.content;
    if (member.sizeBytes === 0) return { ...base, size: 0, content: { digest: EMPTY } };
    return {
      ...base,
      size: member.sizeBytes,
      payload: {
        blob: input.digest,
        offset: member.dataOffset,
        length: member.compressedBytes,
        crc32: member.crc32,
      },
    };
  });
  return {
    recipe: wheelRecipe(input.digest, input.filename, input.directUrl),
    name: wheel.name,
    version: wheel.version,
    files,
    pack: packed.bytes,
  };
}

const EMPTY = digestOf("");

/** Looks at the files of one wheel, whose contents are payloads that `reader` has; `where` names the wheel. */
export class ContentInspector {
  readonly #reader: BlobReader;
  readonly #where: string;
  readonly #budget = new ElfBudget();

  constructor(reader: BlobReader, where: string) {
    this.#reader = reader;
    this.#where = where;
  }

  /** For who inflates a payload anyway. */
  watch(payload: Payload, size: number, path: string): ContentReader {
    return new ContentReader(size, this.#budget, (bytes, content) =>
      inflateStart(this.#reader, payload, bytes, `${this.#where}: ${path}`, content),
    );
  }

  /**
   * Inflates a payload, and checks its size and CRC. Memory: a few MB.
   * @throws CambiumError `CRC_INVALID`, `SIZE_INVALID`, `DEFLATE_INVALID`.
   */
  async inspect(payload: Payload, size: number, path: string): Promise<FileContent> {
    const content = this.watch(payload, size, path);
    const where = `${this.#where}: ${path}`;
    await inflatePayload(this.#reader, payload, size, where, (bytes) => content.update(bytes));
    return content.end();
  }
}

/**
 * Reads a file's content while it goes by, in order; `end` tells what it was. Where an ELF file has its strings before
 * what says so, the file's start is inflated once more. Memory: some 300 KB.
 */
export class ContentReader {
  readonly #hasher = new Hasher();
  readonly #scanner: ElfScanner;
  readonly #budget: ElfBudget;
  readonly #startAgain: (sizeBytes: number, content: (bytes: Uint8Array) => void) => Promise<void>;

  constructor(
    size: number,
    budget: ElfBudget,
    startAgain: (sizeBytes: number, content: (bytes: Uint8Array) => void) => Promise<void>,
  ) {
    this.#scanner = new ElfScanner(size);
    this.#budget = budget;
    this.#startAgain = startAgain;
  }

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
    this.#scanner.update(bytes);
  }

  /** At once for nearly all files: of torch's 12,000 five need a further look. @throws CambiumError `DEFLATE_INVALID`. */
  end(): FileContent | Promise<FileContent> {
    const bytes = this.#scanner.lookAgain();
    return bytes === undefined ? this.#content() : this.#afterLooks(bytes);
  }

  async #afterLooks(first: number): Promise<FileContent> {
    const scanner = this.#scanner;
    for (let bytes: number | undefined = first; bytes !== undefined; bytes = scanner.lookAgain()) {
      await this.#startAgain(bytes, (part) => scanner.update(part));
    }
    return this.#content();
  }

  #content(): FileContent {
    return { digest: this.#hasher.digest(), elf: this.#budget.admit(this.#scanner.found) };
  }
}

/** Tells of a payload's content: read now, or known from elsewhere, such as a layer's description. */
export type ContentOf = (payload: Payload, size: number, path: string) => FileContent | Promise<FileContent>;

/** Stores the pack and puts plan and contents together. */
export async function wheelSegment(
  plan: WheelPlan,
  contentOf: ContentOf,
  blobs: BlobWriter,
): Promise<Segment> {
  const entries: SegmentFile[] = [];
  const sharedObjects: SharedObject[] = [];
  const used = new Set<Digest>();
  let sizeBytes = 0;
  for (const { content, ...file } of plan.files) {
    const { digest, elf } = content ?? (await inspected(file, contentOf));
    entries.push({ ...file, digest });
    if (elf !== undefined) sharedObjects.push(sharedObject(file.path, elf));
    sizeBytes += file.size;
    if (file.payload !== undefined) used.add(file.payload.blob);
  }
  if (plan.pack.length > 0) blobs.put(plan.pack);
  return {
    id: segmentId(plan.recipe),
    recipe: plan.recipe,
    name: `${plan.name} ${plan.version}`,
    key: plan.name,
    mtimeSec: CONSTANT_MTIME,
    entries,
    sizeBytes,
    blobs: [...used].sort(),
    sharedObjects,
  };
}

async function inspected({ path, payload, size }: PlannedFile, contentOf: ContentOf): Promise<FileContent> {
  if (payload === undefined) throw new TypeError(`${path} has neither content nor payload`);
  return contentOf(payload, size, path);
}

function sharedObject(path: string, { architecture, soname, needed, runpath }: ElfFile): SharedObject {
  return {
    path,
    ...(architecture !== undefined && { architecture }),
    ...(soname !== undefined && { soname }),
    needed,
    runpath,
  };
}

/** A wheel file becomes a segment: plan, then digests, every payload checked. */
export async function transcodeWheel(input: WheelInput, blobs: BlobWriter): Promise<Segment> {
  return await withArchiveFile(input.path, input.filename, async (file) => {
    const plan = await planWheelFile(input, file);
    const reader: BlobReader = { read: (_blob, offset, target) => file.read(offset, target) };
    const inspector = new ContentInspector(reader, input.filename);
    return await wheelSegment(plan, (...file) => inspector.inspect(...file), blobs);
  });
}

/** Where something is in the pack; all in bytes. `crc32` and `size` are the content's. */
type PackPlace = FileContent & {
  readonly offset: number;
  readonly length: number;
  readonly crc32: number;
  readonly size: number;
};

/** Gathers deflated contents, equal ones once. */
class PackBuilder {
  readonly #where: string;
  readonly #places = new Map<Digest, PackPlace>();
  readonly #parts: Uint8Array[] = [];
  readonly #budget = new ElfBudget();
  #length = 0;
  #contentBytes = 0;

  constructor(where: string) {
    this.#where = where;
  }

  add(content: Uint8Array): PackPlace {
    const digest = digestOf(content);
    const known = this.#places.get(digest);
    if (known !== undefined) return known;
    this.#contentBytes += content.length;
    if (this.#contentBytes > MAX_WHOLE_BYTES) {
      throw new CambiumError(
        "ARCHIVE_LIMIT",
        `${this.#where}: more than ${MAX_WHOLE_BYTES} bytes in members that are not deflated`,
        {
          hint: "These are recompressed in memory. Have the wheel built with deflate, as its tools do by default.",
        },
      );
    }
    const deflated = content.length === 0 ? content : deflatePinned(content);
    const place = {
      offset: this.#length,
      length: deflated.length,
      digest,
      elf: this.#budget.admit(readElf(content)),
      crc32: crc32(content),
      size: content.length,
    };
    this.#places.set(digest, place);
    this.#parts.push(deflated);
    this.#length += deflated.length;
    return place;
  }

  end(): { readonly bytes: Uint8Array; readonly digest: Digest } {
    const bytes = Buffer.concat(this.#parts, this.#length);
    return { bytes, digest: digestOf(bytes) };
  }
}
