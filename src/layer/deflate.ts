import { Deflate, deflateRaw } from "pako";
import { collectOften } from "./collect-often.ts";

/**
 * Level 4 of pako, a port of zlib: 22–26 MB/s at 2 % over the size of level 6. fflate is a quarter faster in memory,
 * but what its stream writes cannot be read back (docs/design/0002-layer-bytes.md). Every parameter is stated, so that
 * no default of the library decides bytes.
 */
const PARAMETERS = { level: 4, memLevel: 8, windowBits: 15, strategy: 0, raw: true } as const;

/** What pako allocates for a stream whatever its length: window, hash chains, symbols, a piece of output. */
const STATE_BYTES = 350 << 10;

/**
 * Raw deflate of bytes that Cambium made or had to recompress. Pure JavaScript at one pinned version, because
 * `node:zlib` gives other bytes on other CPUs and Node versions.
 */
export function deflatePinned(bytes: Uint8Array): Uint8Array {
  collectOften(STATE_BYTES);
  return deflateRaw(bytes, PARAMETERS);
}

/** The same for content that may not fit in memory: feed `push`, then `finish`; each returns what is ready. */
export class PinnedDeflate {
  readonly #stream = new Deflate(PARAMETERS);
  #ready: Uint8Array[] = [];

  constructor() {
    this.#stream.onData = (part) => this.#ready.push(part);
  }

  push(bytes: Uint8Array): Uint8Array[] {
    this.#stream.push(bytes, false);
    return this.#take();
  }

  finish(): Uint8Array[] {
    this.#stream.push(new Uint8Array(0), true);
    return this.#take();
  }

  #take(): Uint8Array[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }
}
