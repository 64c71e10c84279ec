import { Encoder } from "./deflate/encoder.ts";

/** Those that are at no stream: their tables take half a megabyte. */
const idle: Encoder[] = [];

/**
 * Raw deflate of bytes that Cambium made or had to recompress. It is written here, in plain arithmetic of integers, since
 * `node:zlib` gives other bytes on other CPUs and Node versions (docs/design/0002-layer-bytes.md).
 */
export function deflatePinned(bytes: Uint8Array): Uint8Array {
  const encoder = idle.pop() ?? new Encoder();
  const deflated = encoder.encode(bytes);
  idle.push(encoder);
  return deflated;
}

/** The same for content that may not fit in memory: feed `push`, then `finish`; each returns what is ready. */
export class PinnedDeflate {
  readonly #encoder = idle.pop() ?? new Encoder();

  constructor() {
    this.#encoder.begin();
  }

  push(bytes: Uint8Array): Uint8Array {
    return this.#encoder.push(bytes);
  }

  finish(): Uint8Array {
    const rest = this.#encoder.finish();
    idle.push(this.#encoder);
    return rest;
  }
}
