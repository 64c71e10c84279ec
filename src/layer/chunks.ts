/** Fewer, larger reads and writes: 1 MiB costs a thread's visit 500 times for 500 MB instead of 8,000 times. */
export const CHUNK_BYTES = 1 << 20;

const spare: ArrayBuffer[] = [];
const lent = new WeakSet<ArrayBufferLike>();

/**
 * `CHUNK_BYTES` of memory with any content, for bytes on their way through. V8 collects buffers only when they come to
 * twice its young generation, 100 MB in the main thread, so who is the last to see a chunk should give it back.
 * A chunk that is not given back is collected like any other.
 */
export function takeChunk(): Buffer {
  const memory = spare.pop() ?? new ArrayBuffer(CHUNK_BYTES);
  lent.add(memory);
  return Buffer.from(memory);
}

/**
 * Frees memory at once, for buffers that others made for us: while those were left to the collector, a thread at a large
 * wheel held 70 MB of them. Only for who knows that nobody else has a part of it; who reads it after all finds nothing.
 */
export function freeMemory(memory: ArrayBufferLike): void {
  if (memory instanceof ArrayBuffer) memory.transfer(0);
}

/** The same for bytes that may be a part of something, which is then left alone. */
export function freeBytes(bytes: Uint8Array): void {
  if (bytes.byteLength === bytes.buffer.byteLength) freeMemory(bytes.buffer);
}

/** Says that nobody will look at a chunk, or at the part of it that was handed on. Bytes from elsewhere are left alone. */
export function giveBackChunk({ buffer }: Uint8Array): void {
  if (lent.delete(buffer)) spare.push(buffer as ArrayBuffer);
}
