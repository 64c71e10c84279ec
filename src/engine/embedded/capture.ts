import { opendirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CambiumError } from "../../errors.ts";
import { digestOf, Hasher } from "../../layer/digest.ts";
import { LAYER_MEDIA_TYPE, type LayerRecord } from "../../layer/layer.ts";
import type { LayerListing, WantedFiles } from "../../layer/listing.ts";
import { ListingBuilder } from "../../layer/listing-builder.ts";
import { readTar, type TarEntry } from "../../layer/read-tar.ts";
import { type TarMember, writeTar } from "../../layer/write-tar.ts";
import type { Store } from "../../store/store.ts";
import type { EngineHost } from "./check.ts";
import { insideId } from "./id-mappings.ts";
import { type Compress, MemberFile } from "./member-file.ts";
import { readFolder } from "./read-folder.ts";
import { lstatInside } from "./trees.ts";
import { type UpperForm, upperMembers } from "./upper-members.ts";
import { whiteoutsLast } from "./whiteouts-last.ts";

export type CaptureOptions = {
  /** SOURCE_DATE_EPOCH in seconds: later times become this one. Absent: real times, with their nanoseconds. */
  readonly latestSec?: number;
  /** Which files' content the listing keeps. */
  readonly wanted: WantedFiles;
  /** The pinned compressor of `deflatePinned`, somewhere else; by default here. `parallel` calls can run at a time. */
  readonly compress?: Compress;
  readonly parallel?: number;
  readonly signal?: AbortSignal;
};

/** A layer in the store's blobs, and its listing, which is in the store too. */
export type Captured = {
  readonly record: LayerRecord;
  readonly listing: LayerListing;
  /** Bytes of the tar. */
  readonly tarBytes: number;
  /** False where the folder has what the layer leaves out or changes: then it cannot stand for the layer. */
  readonly isFaithful: boolean;
};

const NO_CONTENT = digestOf("");
/** As for a pulled layer. */
const MAX_KEPT_BYTES = 64 << 20;

/**
 * One pass over a step's folder of changes: GNU tar reads it, our normaliser makes a layer of it, and digest, diff id,
 * bytes and listing come out. Undefined when nothing changed. Memory: the listing and some MB.
 * @throws CambiumError `STEP_CAPTURE`, `LAYER_WHITEOUT`, `ARCHIVE_LIMIT`, `DISK_FULL`, `STORE_…`.
 */
export async function capture(
  host: EngineHost,
  store: Store,
  folder: { readonly upper: string; readonly treesPath: string; readonly trees: readonly string[] },
  options: CaptureOptions,
): Promise<Captured | undefined> {
  const { signal } = options;
  signal?.throwIfAborted();
  if (isEmptyFolder(folder.upper)) return undefined;
  const where = "the step";
  const lowers = [...folder.trees].reverse().map((name) => join(folder.treesPath, name));
  const temporary = store.blobs.temporary();
  const file = await MemberFile.create(temporary, options.compress, options.parallel);
  const source = await readFolder(host, folder.upper, { signal, failure: unreadable });
  const builder = new ListingBuilder(where);
  const contents = new Map<string, Uint8Array>();
  const tar = new Hasher();
  let tarBytes = 0;
  let count = 0;
  try {
    const entries = readTar(source.bytes, where, { hasRawNames: true });
    const form = formOf(host, lowers, options.latestSec);
    const members = layerMembers(whiteoutsLast(upperMembers(entries, where, form)));
    for await (const bytes of writeTar(members)) {
      tar.update(bytes);
      tarBytes += bytes.length;
      await file.write(bytes);
    }
    await source.end();
  } catch (error) {
    await file.abandon();
    rmSync(temporary, { force: true });
    await source.end().catch((problem) => {
      // What tar says comes before what we made of its half output.
      if (error instanceof CambiumError && error.code === "ARCHIVE_TRUNCATED") throw problem;
    });
    throw error;
  }
  if (count === 0) {
    await file.abandon();
    rmSync(temporary, { force: true });
    return undefined;
  }
  const { digest, sizeBytes } = await file.finish();
  const diffId = tar.diffId();
  store.blobs.adopt(temporary, digest);
  const listing: LayerListing = { diffId, ...builder.finish(), contents, wanted: options.wanted.id };
  store.listings.put(listing);
  const descriptor = { mediaType: LAYER_MEDIA_TYPE, digest, size: sizeBytes };
  const isFaithful = options.latestSec === undefined && !source.hasSkipped();
  return { record: { descriptor, diffId }, listing, tarBytes, isFaithful };

  async function* layerMembers(changes: AsyncIterable<TarEntry>): AsyncGenerator<TarMember> {
    let keptBytes = 0;
    for await (const entry of changes) {
      signal?.throwIfAborted();
      count += 1;
      const path = builder.place(entry);
      const { mtimeSec, mtimeText, type } = entry;
      const time = { mtimeSec, ...(mtimeText === undefined ? {} : { mtimeText }) };
      if (type !== "file") {
        // Only files are whiteouts.
        yield { entry: builder.put(path ?? entry.path, entry, NO_CONTENT), ...time };
        continue;
      }
      const want = path === undefined ? undefined : options.wanted.keep(path);
      const isKept = want !== undefined && entry.size <= want.maxBytes;
      const kept: Uint8Array[] = [];
      const hasher = new Hasher();
      const content = async function* () {
        for await (const chunk of entry.content()) {
          hasher.update(chunk);
          if (isKept) kept.push(Buffer.from(chunk));
          yield chunk;
        }
      };
      yield { entry: { ...entry, type }, ...time, content: content() };
      if (path === undefined) continue;
      builder.put(path, entry, hasher.digest());
      if (!isKept) continue;
      const whole = Buffer.concat(kept);
      const bytes = want.reduce === undefined ? whole : want.reduce(whole);
      keptBytes += bytes?.byteLength ?? 0;
      // What is kept is a help to those who read it without the layer; past this bound they read the layer.
      if (bytes !== undefined && keptBytes <= MAX_KEPT_BYTES) contents.set(path, new Uint8Array(bytes));
    }
  }
}

/** The root itself is in no layer, so then nothing changed: many steps only look at something, and need no tar. */
function isEmptyFolder(path: string): boolean {
  try {
    const folder = opendirSync(path);
    try {
      return folder.readSync() === null;
    } finally {
      folder.closeSync();
    }
  } catch {
    // The step gave it to another account: whoever may look at it will say.
    return false;
  }
}

function formOf(host: EngineHost, lowers: readonly string[], latestSec: number | undefined): UpperForm {
  const below = (path: string) => {
    for (const lower of lowers) {
      const found = lstatInside(lower, path);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    hasWhiteoutFiles: host.overlay === "fuse",
    ...(latestSec === undefined ? {} : { latestSec }),
    isDirectoryBelow: (path) => below(path)?.isDirectory() === true,
    isUnchanged: ({ path, mode, uid, gid, xattrs }) => {
      const found = below(path);
      return (
        found?.isDirectory() === true &&
        (found.mode & 0o7777) === mode &&
        insideId(host.mappings?.uids, found.uid) === uid &&
        insideId(host.mappings?.gids, found.gid) === gid &&
        // Those of the lower one cannot be read from here.
        xattrs === undefined
      );
    },
  };
}

function unreadable(code: number, detail: string): CambiumError {
  return new CambiumError("STEP_CAPTURE", `tar could not read what the step changed (${code}): ${detail}`, {
    hint: "Check the disk, and run the build again.",
  });
}
