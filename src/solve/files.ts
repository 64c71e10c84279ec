import { createHash, type Hash } from "node:crypto";
import { rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { canonicalJson } from "../canonical-json.ts";
import type { ContentFile, ContentSource, FileSink } from "../context/content-source.ts";
import type { PlacedEntry } from "../context/target-tree.ts";
import { CambiumError } from "../errors.ts";
import { CHUNK_BYTES, giveBackChunk, takeChunk } from "../layer/chunks.ts";
import { PinnedDeflate } from "../layer/deflate.ts";
import { type Digest, digestOf, parseDigest } from "../layer/digest.ts";
import type { Payload, Recipe, Segment, SegmentDirectory, SegmentEntry } from "../layer/segment.ts";
import { segmentId } from "../layer/segment-id.ts";
import { LAYOUT_VERSIONS } from "../layout-versions.ts";
import { wholeSegment } from "./segments.ts";
import type { Workbench } from "./workbench.ts";

/** What is to stand at a path, and for a file which source has its content. */
export type SourcedEntry = Exclude<PlacedEntry, { readonly type: "directory" }> | SegmentDirectory;
type SourcedFile = Extract<SourcedEntry, { readonly type: "file" }>;

/**
 * Files of any source as a segment. Its recipe is what was found: path, type, mode, owner, link, content, extended
 * attributes and device, never a time of the host. Files are read only when their digest or their bytes are not known yet.
 * @throws CambiumError `CONTEXT_UNREADABLE`, `CONTEXT_CHANGED`, and as the sources.
 */
export async function filesSegment(
  input: {
    readonly name: string;
    /** Stands in the recipe; absent where equal files from anywhere are to be one segment. */
    readonly recipeName?: string;
    readonly key: string;
    /** Sorted, each path once. */
    readonly entries: readonly SourcedEntry[];
    readonly mtimeSec: number;
  },
  bench: Pick<Workbench, "store" | "lease" | "signal">,
): Promise<Segment> {
  const digests = new Map<SourcedFile, Digest>();
  for (const entry of input.entries) {
    if (entry.type === "file") digests.set(entry, await entry.from.digest(entry.content));
  }
  const listing = input.entries.map((entry) => {
    const { path, type, mode, uid, gid, xattrs } = entry;
    return {
      ...{ path, type, mode, uid, gid, xattrs },
      target: "target" in entry ? entry.target : undefined,
      isImplied: "isImplied" in entry ? entry.isImplied : undefined,
      device: "device" in entry ? entry.device : undefined,
      digest: entry.type === "file" ? digests.get(entry) : undefined,
    };
  });
  const recipe: Recipe = {
    ecosystem: "files",
    layoutVersion: LAYOUT_VERSIONS.files,
    source: digestOf(canonicalJson(listing)),
    options: {
      mtime: String(input.mtimeSec),
      ...(input.recipeName !== undefined && { name: input.recipeName }),
    },
  };
  const id = segmentId(recipe);
  const { name, key, mtimeSec } = input;
  const known = wholeSegment(bench, id);
  if (known !== undefined) {
    bench.lease.protect(known.blobs);
    return { ...known, name, key };
  }
  const payloads = await payloadsOf(digests, bench);
  const entries = input.entries.map((entry): SegmentEntry => {
    if (entry.type !== "file") return entry;
    const { from: _, content, link: __, ...file } = entry;
    const digest = digests.get(entry)!;
    const payload = content.size === 0 ? undefined : payloads.get(digest);
    return { ...file, size: content.size, digest, ...(payload && { payload }) };
  });
  const blobs = [...new Set([...payloads.values()].map(({ blob }) => blob))];
  const sizeBytes = entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0);
  const segment: Segment = { id, recipe, name, key, mtimeSec, entries, sizeBytes, blobs };
  bench.lease.protect(blobs);
  bench.store.segments.put(segment);
  return segment;
}

/** Where each different content is in the store: where it was already, or in a new pack of all others. */
async function payloadsOf(
  digests: ReadonlyMap<SourcedFile, Digest>,
  bench: Pick<Workbench, "store" | "signal">,
): Promise<Map<Digest, Payload>> {
  const payloads = new Map<Digest, Payload>();
  const wanted = new Map<ContentSource, Map<ContentFile, Digest>>();
  const seen = new Set<Digest>();
  for (const [{ from, content }, digest] of digests) {
    if (content.size === 0 || seen.has(digest)) continue;
    seen.add(digest);
    const payload = from.payload?.(content);
    if (payload !== undefined && bench.store.blobs.has(payload.blob)) {
      payloads.set(digest, payload);
      continue;
    }
    const files = wanted.get(from) ?? new Map<ContentFile, Digest>();
    wanted.set(from, files.set(content, digest));
  }
  if (wanted.size === 0) return payloads;
  const pack = await Pack.create(bench);
  try {
    for (const [source, files] of wanted) {
      await source.read([...files.keys()], async (file) => pack.sink(file.path, files.get(file)!));
    }
  } catch (error) {
    await pack.discard();
    throw error;
  }
  const blob = await pack.adopt();
  for (const [digest, place] of pack.places) payloads.set(digest, { blob, ...place });
  return payloads;
}

type Place = Omit<Payload, "blob">;

/** One blob of deflated contents, written as they come: a file of any size takes a few MB of memory. */
class Pack {
  readonly places = new Map<Digest, Place>();
  readonly #bench: Pick<Workbench, "store" | "signal">;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash("sha256");
  #length = 0;

  private constructor(bench: Pick<Workbench, "store" | "signal">, path: string, file: FileHandle) {
    this.#bench = bench;
    this.#path = path;
    this.#file = file;
  }

  static async create(bench: Pick<Workbench, "store" | "signal">): Promise<Pack> {
    const path = bench.store.blobs.temporary();
    return new Pack(bench, path, await open(path, "w"));
  }

  /** Takes the bytes of one content. @throws CambiumError `CONTEXT_CHANGED` at its end when it is another. */
  sink(name: string, want: Digest): FileSink {
    this.#bench.signal.throwIfAborted();
    const content = createHash("sha256");
    const deflate = new PinnedDeflate();
    const offset = this.#length;
    let crc = 0;
    // Pieces of one size, so that the deflate stream does not depend on how a source happens to be cut.
    const chunk = takeChunk();
    let used = 0;
    const flush = async () => {
      const piece = chunk.subarray(0, used);
      content.update(piece);
      crc = crc32(piece, crc);
      for (const part of deflate.push(piece)) await this.#write(part);
      used = 0;
    };
    return {
      write: async (bytes) => {
        for (let done = 0; done < bytes.length; ) {
          const part = bytes.subarray(done, done + CHUNK_BYTES - used);
          chunk.set(part, used);
          used += part.length;
          done += part.length;
          if (used === CHUNK_BYTES) await flush();
        }
      },
      end: async () => {
        if (used > 0) await flush();
        giveBackChunk(chunk);
        for (const part of deflate.finish()) await this.#write(part);
        if (`sha256:${content.digest("hex")}` !== want) {
          throw new CambiumError("CONTEXT_CHANGED", `${name} changed while it was read`, {
            hint: "Run the build again when nothing writes into the project.",
          });
        }
        this.places.set(want, { offset, length: this.#length - offset, crc32: crc });
      },
    };
  }

  async discard(): Promise<void> {
    await this.#file.close();
    rmSync(this.#path, { force: true });
  }

  async adopt(): Promise<Digest> {
    await this.#file.datasync();
    await this.#file.close();
    const blob = parseDigest(`sha256:${this.#hash.digest("hex")}`, this.#path);
    this.#bench.store.blobs.adopt(this.#path, blob);
    return blob;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    await this.#file.writeFile(bytes);
    this.#length += bytes.length;
  }
}
