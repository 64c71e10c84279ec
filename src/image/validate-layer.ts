import { CambiumError, messageOf } from "../errors.ts";
import { type DiffId, Hasher } from "../layer/digest.ts";
import { readTar, type TarEntryType } from "../layer/read-tar.ts";
import { decompressed } from "./decompress.ts";
import { layerCompression } from "./media-types.ts";
import type { StatedBlob } from "./source.ts";

export type BlobProblem = { readonly code: string; readonly message: string };

/** What matters of an entry when layers are stacked. */
export type StackedEntry = {
  readonly path: string;
  readonly type: TarEntryType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly target: string | undefined;
};

/** What reading a layer once tells. `diffId` is absent when it does not decompress. */
export type LayerFacts = {
  readonly diffId: DiffId | undefined;
  readonly bytes: number;
  readonly entries: readonly StackedEntry[];
  readonly problems: readonly BlobProblem[];
};

/** Counts and hashes what passes; the verdict is there when the source has ended. */
class Tap {
  readonly #hasher = new Hasher();
  bytes = 0;
  /** The source came to its end without an error. */
  isDone = false;

  async *through(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      this.bytes += chunk.byteLength;
      this.#hasher.update(chunk);
      yield chunk;
    }
    this.isDone = true;
  }

  problems(want: StatedBlob): BlobProblem[] {
    if (this.bytes !== want.size) {
      return [
        { code: "SIZE_INVALID", message: `its descriptor says ${want.size} bytes, it has ${this.bytes}` },
      ];
    }
    const digest = this.#hasher.digest();
    return digest === want.digest ? [] : [{ code: "DIGEST_INVALID", message: `its bytes are ${digest}` }];
  }

  diffId(): DiffId {
    return this.#hasher.diffId();
  }
}

/** Recomputes digest and size of a blob; keeps its bytes when `isKept`. */
export async function checkBlob(
  source: AsyncIterable<Uint8Array>,
  want: StatedBlob,
  isKept: boolean,
): Promise<{
  readonly bytes: number;
  readonly kept: Uint8Array[];
  readonly problems: readonly BlobProblem[];
}> {
  const tap = new Tap();
  const kept: Uint8Array[] = [];
  try {
    for await (const chunk of tap.through(source)) {
      if (isKept) kept.push(chunk);
      // The size is wrong already, and an endless source must end somewhere.
      if (tap.bytes > want.size) break;
    }
  } catch (error) {
    return { bytes: tap.bytes, kept, problems: [problemOf(error)] };
  }
  return { bytes: tap.bytes, kept, problems: tap.problems(want) };
}

/** Recomputes digest, size and diff id of a layer in one pass, and reads its tar. */
export async function checkLayer(
  source: AsyncIterable<Uint8Array>,
  want: StatedBlob,
  where: string,
): Promise<LayerFacts> {
  const compression = layerCompression(want.mediaType);
  if (compression === undefined) {
    const { bytes, problems } = await checkBlob(source, want, false);
    const unknown = { code: "MEDIA_TYPE_UNKNOWN", message: `not a layer: ${JSON.stringify(want.mediaType)}` };
    return { diffId: undefined, bytes, entries: [], problems: [unknown, ...problems] };
  }
  const outer = new Tap();
  const inner = new Tap();
  const entries: StackedEntry[] = [];
  const problems: BlobProblem[] = [];
  const tar = inner.through(decompressed(outer.through(source), compression, where));
  try {
    await readEntries(tar, where, entries, problems);
  } catch (error) {
    problems.push(problemOf(error));
    await drain(tar);
  }
  if (outer.isDone) problems.unshift(...outer.problems(want));
  else if (inner.isDone) {
    problems.push({ code: "LAYER_DAMAGED", message: `bytes follow the end of its ${compression} stream` });
  }
  return { diffId: inner.isDone ? inner.diffId() : undefined, bytes: outer.bytes, entries, problems };
}

async function readEntries(
  tar: AsyncGenerator<Uint8Array>,
  where: string,
  entries: StackedEntry[],
  problems: BlobProblem[],
): Promise<void> {
  const seen = new Set<string>();
  for await (const { path, type, mode, uid, gid, target } of readTar(unclosed(tar), where, {
    hasRawNames: true,
  })) {
    if (seen.has(path))
      problems.push({ code: "LAYER_DUPLICATE", message: `${JSON.stringify(path)} stands there twice` });
    seen.add(path);
    entries.push({ path, type, mode, uid, gid, target });
  }
}

/** Passes a generator on so that the reader's early end does not end it. */
function unclosed(source: AsyncGenerator<Uint8Array>): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) };
}

/** A bad member does not make the rest of the bytes unknown: reads them for their digests, as far as they go. */
async function drain(source: AsyncGenerator<Uint8Array>): Promise<void> {
  for (;;) {
    // The error that made it end was reported where it came up first; a new one has the same cause.
    const next = await source.next().catch(() => ({ done: true }));
    if (next.done === true) return;
  }
}

function problemOf(error: unknown): BlobProblem {
  const code = error instanceof CambiumError ? error.code : "BLOB_UNREADABLE";
  return { code, message: messageOf(error) };
}
