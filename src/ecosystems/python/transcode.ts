import { crc32 } from "node:zlib";
import { CambiumError } from "../../errors.ts";
import { deflatePinned } from "../../layer/deflate.ts";
import { type Digest, digestOf, Hasher } from "../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import { inflatePayload } from "../../layer/inflate.ts";
import type { BlobReader, BlobWriter, Payload, Recipe, Segment, SegmentFile } from "../../layer/segment.ts";
import { segmentId } from "../../layer/segment-id.ts";
import { LAYOUT_VERSIONS } from "../../layout-versions.ts";
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

/** A file of the segment; `digest` is there where planning had to see the content anyway. */
export type PlannedFile = Omit<SegmentFile, "digest"> & { readonly digest?: Digest };

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
  const { bytes, digest } = pack.end();
  const files = pending.map(({ draft, place }): PlannedFile => {
    const base = { type: "file", path: draft.path, mode: draft.mode, uid: 0, gid: 0 } as const;
    if (place !== undefined) {
      const { offset, length, crc32 } = place;
      const payload = place.size === 0 ? {} : { payload: { blob: digest, offset, length, crc32 } };
      return { ...base, size: place.size, digest: place.digest, ...payload };
    }
    if (draft.content.kind === "bytes") throw new TypeError(`${draft.path} is not packed`);
    const { member } = draft.content;
    if (member.sizeBytes === 0) return { ...base, size: 0, digest: EMPTY };
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
    pack: bytes,
  };
}

const EMPTY = digestOf("");

/**
 * The digest of what a payload inflates to, having checked its size and CRC. Memory: a few MB.
 * @throws CambiumError `CRC_INVALID`, `SIZE_INVALID`, `DEFLATE_INVALID`; `where` names the file.
 */
export async function inspectPayload(
  reader: BlobReader,
  payload: Payload,
  size: number,
  where: string,
): Promise<{ readonly digest: Digest }> {
  const hasher = new Hasher();
  await inflatePayload(reader, payload, size, where, (bytes) => hasher.update(bytes));
  return { digest: hasher.digest() };
}

/** Gives the digest of a payload's content: computed, or known from elsewhere, such as a layer's description. */
export type ContentDigest = (payload: Payload, size: number, path: string) => Digest | Promise<Digest>;

/** The plan's files with all digests filled in, sorted by path. */
export async function wheelEntries(plan: WheelPlan, contentDigest: ContentDigest): Promise<SegmentFile[]> {
  const entries: SegmentFile[] = [];
  for (const file of plan.files) {
    if (file.digest !== undefined) entries.push({ ...file, digest: file.digest });
    else if (file.payload === undefined) throw new TypeError(`${file.path} has neither digest nor payload`);
    else entries.push({ ...file, digest: await contentDigest(file.payload, file.size, file.path) });
  }
  return entries;
}

/** Stores the pack and puts plan and digests together. */
export async function wheelSegment(
  plan: WheelPlan,
  contentDigest: ContentDigest,
  blobs: BlobWriter,
): Promise<Segment> {
  const entries = await wheelEntries(plan, contentDigest);
  if (plan.pack.length > 0) blobs.put(plan.pack);
  const used = new Set<Digest>();
  let sizeBytes = 0;
  for (const entry of entries) {
    sizeBytes += entry.size;
    if (entry.payload !== undefined) used.add(entry.payload.blob);
  }
  return {
    id: segmentId(plan.recipe),
    recipe: plan.recipe,
    name: `${plan.name} ${plan.version}`,
    key: plan.name,
    mtimeSec: CONSTANT_MTIME,
    entries,
    sizeBytes,
    blobs: [...used].sort(),
  };
}

/** A wheel file becomes a segment: plan, then digests, every payload checked. */
export async function transcodeWheel(input: WheelInput, blobs: BlobWriter): Promise<Segment> {
  return await withArchiveFile(input.path, input.filename, async (file) => {
    const plan = await planWheelFile(input, file);
    const reader: BlobReader = { read: (_blob, offset, target) => file.read(offset, target) };
    const digestAt: ContentDigest = async (payload, size, path) =>
      (await inspectPayload(reader, payload, size, `${input.filename}: ${path}`)).digest;
    return await wheelSegment(plan, digestAt, blobs);
  });
}

/** Where something is in the pack; all in bytes. `digest`, `crc32` and `size` are the content's. */
type PackPlace = {
  readonly offset: number;
  readonly length: number;
  readonly digest: Digest;
  readonly crc32: number;
  readonly size: number;
};

/** Gathers deflated contents, equal ones once. */
class PackBuilder {
  readonly #where: string;
  readonly #places = new Map<Digest, PackPlace>();
  readonly #parts: Uint8Array[] = [];
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
