import { CambiumError } from "../errors.ts";
import { lengthFrom } from "../fetch/client.ts";
import { createRetries } from "../fetch/retry.ts";
import { blobUnknown } from "../image/source.ts";
import { verified } from "../image/verified.ts";
import type { Descriptor } from "../layer/digest.ts";
import type { RegistryResponse, RepositoryClient } from "./repository-client.ts";

/** What names a blob. */
type Wanted = Pick<Descriptor, "digest" | "size">;

/**
 * The bytes of a blob, held to its digest and size. After a cut it goes on where it was, at the same place or the next:
 * whatever the place, the bytes are those of the digest. Publish nothing before the iteration ends.
 * @throws CambiumError `DIGEST_INVALID`, `SIZE_INVALID`, `BLOB_UNKNOWN`, and as `RepositoryClient`: the last place's.
 */
export function readBlob(places: readonly RepositoryClient[], want: Wanted): AsyncGenerator<Uint8Array> {
  const where = `${places.at(-1)?.name}: blob ${want.digest}`;
  return verified(fromPlaces(places, want), want, where);
}

async function* fromPlaces(places: readonly RepositoryClient[], want: Wanted): AsyncGenerator<Uint8Array> {
  const progress = { offset: 0 };
  for (const [number, place] of places.entries()) {
    try {
      yield* fromPlace(place, want, progress);
      return;
    } catch (error) {
      const isLast = number === places.length - 1;
      if (isLast || !(error instanceof CambiumError)) throw error;
    }
  }
}

async function* fromPlace(
  place: RepositoryClient,
  want: Wanted,
  progress: { offset: number },
): AsyncGenerator<Uint8Array> {
  const { emit, retryPolicy, signal } = place.access;
  const name = `${place.name}: blob ${want.digest}`;
  const retries = createRetries(retryPolicy, {
    signal,
    tell: (reason, waitMs) => emit({ type: "download-retry", id: want.digest, name, reason, waitMs }),
  });
  for (;;) {
    signal?.throwIfAborted();
    try {
      const { answer, start } = await open(place, want, progress.offset);
      for await (const chunk of after(answer.body, progress.offset - start)) {
        progress.offset += chunk.byteLength;
        yield chunk;
      }
      return;
    } catch (error) {
      await retries.wait(error, progress.offset);
    }
  }
}

/** An answer whose bytes begin at `start`, which is `offset` where the registry knows ranges. */
async function open(
  place: RepositoryClient,
  want: Wanted,
  offset: number,
): Promise<{ readonly answer: RegistryResponse; readonly start: number }> {
  const what = `blob ${want.digest}`;
  const answer = await place.send({
    method: "GET",
    url: `blobs/${want.digest}`,
    what,
    ...(offset > 0 && { headers: { range: `bytes=${offset}-` } }),
  });
  if (answer.status === 404) {
    await answer.discard();
    throw blobUnknown(place.name, want.digest);
  }
  const isRest = answer.status === 206 && offset > 0 && startOf(answer) === offset;
  if (!isRest && answer.status !== 200) throw await place.error(what, answer);
  const start = isRest ? offset : 0;
  const length = lengthFrom(answer.headers);
  if (length === undefined || start + length === want.size) return { answer, start };
  await answer.discard();
  throw new CambiumError(
    "SIZE_INVALID",
    `${place.name}: ${what}: the registry has ${start + length} bytes, its descriptor says ${want.size}`,
    { hint: "The manifest or the registry is wrong about it: push the image again." },
  );
}

function startOf(answer: RegistryResponse): number | undefined {
  const match = /^bytes (\d{1,15})-/.exec(answer.headers["content-range"] ?? "");
  return match === null ? undefined : Number(match[1]);
}

/** `source` without its first `count` bytes. */
async function* after(source: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let missing = count;
  for await (const chunk of source) {
    if (missing >= chunk.byteLength) {
      missing -= chunk.byteLength;
      continue;
    }
    yield missing === 0 ? chunk : chunk.subarray(missing);
    missing = 0;
  }
}
