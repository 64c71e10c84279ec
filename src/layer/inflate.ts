import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { CambiumError } from "../errors.ts";
import { CHUNK_BYTES, freeMemory, giveBackChunk, takeChunk } from "./chunks.ts";
import type { BlobReader, Payload } from "./segment.ts";

/** Above this a file is inflated in chunks: a member of a wheel can be over 1 GB, the memory bound is 512 MB. */
const WHOLE_LIMIT = CHUNK_BYTES;
const DAMAGED = "The archive is damaged: fetch it again, or report it to its publisher.";

/** Takes the next bytes of something, and keeps none of them: they are gone when it returns. */
export type Sink = (bytes: Uint8Array) => void;

/**
 * Feeds `content` with the inflated bytes of a payload and `raw` with the deflate bytes, each in order.
 * `size` is what the inflated bytes must come to. Memory: at most a few MB, whatever the size.
 * @throws CambiumError `SIZE_INVALID`, `CRC_INVALID`, `DEFLATE_INVALID`; `where` names the file.
 */
export async function inflatePayload(
  reader: BlobReader,
  payload: Payload,
  size: number,
  where: string,
  content: Sink,
  raw?: Sink,
): Promise<void> {
  if (size <= WHOLE_LIMIT && payload.length <= WHOLE_LIMIT) {
    inflateWhole(reader, payload, size, where, content, raw);
  } else {
    await inflateChunks(reader, payload, size, where, content, raw);
  }
}

function inflateWhole(
  reader: BlobReader,
  payload: Payload,
  size: number,
  where: string,
  content: Sink,
  raw?: Sink,
): void {
  const chunk = takeChunk();
  const bytes = chunk.subarray(0, payload.length);
  reader.read(payload.blob, payload.offset, bytes);
  raw?.(bytes);
  const { buffer, consumed } = inflateAtOnce(bytes, size, where);
  giveBackChunk(chunk);
  checkEnd(where, { payload, size, consumed, received: buffer.length, crc: crc32(buffer) });
  content(buffer);
  // Small ones are parts of a buffer that Node shares among many.
  if (buffer.buffer.byteLength === size + 1) freeMemory(buffer.buffer);
}

/**
 * One byte more than allowed, so that a bomb stops there and too much is told from just enough. A buffer of that size
 * from the start halves the time of small files: 8,000 of 20 kB take 99 ms instead of 225.
 */
function inflateAtOnce(bytes: Uint8Array, size: number, where: string): { buffer: Buffer; consumed: number } {
  try {
    const options = { info: true, maxOutputLength: size + 1, chunkSize: Math.max(64, size + 1) };
    // With `info` Node gives the engine too, which knows how much it took; its types do not say so.
    const result = inflateRawSync(bytes, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return { buffer: result.buffer, consumed: result.engine.bytesWritten };
  } catch (cause) {
    throw deflateError(where, size, cause);
  }
}

async function inflateChunks(
  reader: BlobReader,
  payload: Payload,
  size: number,
  where: string,
  content: Sink,
  raw?: Sink,
): Promise<void> {
  const inflate = createInflateRaw({ chunkSize: CHUNK_BYTES });
  let received = 0;
  let crc = 0;
  inflate.on("data", (chunk: Buffer) => {
    received += chunk.length;
    if (received > size) {
      inflate.destroy(sizeError(where, size, received));
      return;
    }
    crc = crc32(chunk, crc);
    content(chunk);
    // Behind a full buffer zlib begins a new one; nobody looks at this one again.
    if (chunk.byteOffset + chunk.byteLength === chunk.buffer.byteLength) freeMemory(chunk.buffer);
  });
  const ended = new Promise<void>((resolve, reject) => {
    inflate.on("end", resolve);
    inflate.on("error", (cause) =>
      reject(cause instanceof CambiumError ? cause : deflateError(where, size, cause)),
    );
  });
  // A rejection that arrives while the loop below waits must not count as unhandled; it is awaited at the end.
  ended.catch(() => undefined);
  // Two buffers in turns: zlib still reads the one before in its own thread. New ones for every chunk would be freed
  // only by and by, which came to 100 MB more per thread.
  const buffers = [takeChunk(), takeChunk()] as const;
  let taken: Promise<void> = Promise.resolve();
  for (let at = 0; at < payload.length && !inflate.destroyed; at += CHUNK_BYTES) {
    const [first, second] = buffers;
    const bytes = (at / CHUNK_BYTES) % 2 === 0 ? first : second;
    const piece = bytes.subarray(0, Math.min(CHUNK_BYTES, payload.length - at));
    reader.read(payload.blob, payload.offset + at, piece);
    raw?.(piece);
    const before = taken;
    taken = new Promise((resolve) => inflate.write(piece, () => resolve()));
    await Promise.race([before, ended]);
  }
  if (!inflate.destroyed) inflate.end();
  await ended;
  buffers.forEach(giveBackChunk);
  checkEnd(where, { payload, size, consumed: inflate.bytesWritten, received, crc });
}

/**
 * Feeds `content` with at least the first `sizeBytes` of what a payload inflates to, which was found to be right before:
 * nothing is checked again. Memory: a few MB.
 * @throws CambiumError `DEFLATE_INVALID`.
 */
export async function inflateStart(
  reader: BlobReader,
  payload: Payload,
  sizeBytes: number,
  where: string,
  content: Sink,
): Promise<void> {
  const inflate = createInflateRaw({ chunkSize: CHUNK_BYTES });
  let received = 0;
  inflate.on("data", (bytes: Buffer) => {
    received += bytes.length;
    content(bytes);
    if (bytes.byteOffset + bytes.byteLength === bytes.buffer.byteLength) freeMemory(bytes.buffer);
  });
  // The write that fails says so too.
  inflate.on("error", () => undefined);
  const chunk = takeChunk();
  for (let at = 0; at < payload.length && received < sizeBytes; at += CHUNK_BYTES) {
    const piece = chunk.subarray(0, Math.min(CHUNK_BYTES, payload.length - at));
    reader.read(payload.blob, payload.offset + at, piece);
    await new Promise<void>((resolve, reject) => {
      inflate.write(piece, (cause) => (cause ? reject(deflateError(where, sizeBytes, cause)) : resolve()));
    });
  }
  await new Promise<void>((resolve) => {
    inflate.once("close", resolve);
    if (received < sizeBytes) inflate.end();
    else inflate.destroy();
  });
  giveBackChunk(chunk);
}

type Ended = {
  readonly payload: Payload;
  readonly size: number;
  /** Deflate bytes up to the end of the stream. */
  readonly consumed: number;
  readonly received: number;
  readonly crc: number;
};

function checkEnd(where: string, { payload, size, consumed, received, crc: gotCrc }: Ended): void {
  const wantCrc = payload.crc32;
  if (received !== size) throw sizeError(where, size, received);
  // zlib passes over what follows the last block, but as part of a gzip member it would break the layer.
  if (consumed !== payload.length) {
    throw new CambiumError(
      "DEFLATE_INVALID",
      `${where}: the deflate stream ends after ${consumed} of ${payload.length} bytes`,
      { hint: DAMAGED },
    );
  }
  if (gotCrc >>> 0 !== wantCrc >>> 0) {
    throw new CambiumError("CRC_INVALID", `${where}: want CRC-32 ${hex(wantCrc)}, got ${hex(gotCrc)}`, {
      hint: DAMAGED,
    });
  }
}

function sizeError(where: string, size: number, received: number): CambiumError {
  return new CambiumError("SIZE_INVALID", `${where}: got ${received} of ${size} bytes`, {
    hint: "The archive does not hold what it declares: fetch it again, or report it to its publisher.",
  });
}

function deflateError(where: string, size: number, cause: unknown): CambiumError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ERR_BUFFER_TOO_LARGE") return sizeError(where, size, size + 1);
  return new CambiumError("DEFLATE_INVALID", `${where}: not a valid deflate stream`, {
    cause,
    hint: DAMAGED,
  });
}

function hex(crc: number): string {
  return (crc >>> 0).toString(16).padStart(8, "0");
}
