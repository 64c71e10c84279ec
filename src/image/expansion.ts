import { CambiumError } from "../errors.ts";
import { Hasher } from "../layer/digest.ts";

/** A layer that grows beyond this and beyond the ratio is a bomb: sparse-looking files of real images stay below. */
const FREE_BYTES = 2 ** 30;
const MAX_RATIO = 200;

/** Whether so much of so little is refused; `freeBytes` come out before the ratio counts. */
export function isBomb(inBytes: number, outBytes: number, freeBytes: number = FREE_BYTES): boolean {
  return outBytes > freeBytes && outBytes > MAX_RATIO * inBytes;
}

/** Watches what goes into a layer's decompressor and what comes out, and hashes the latter. */
export class Expansion {
  readonly #where: string;
  readonly #freeBytes: number;
  readonly #hasher = new Hasher();
  #inBytes = 0;
  #outBytes = 0;

  /** `freeBytes`: tar bytes that may come out before the ratio counts. */
  constructor(where: string, freeBytes = FREE_BYTES) {
    this.#where = where;
    this.#freeBytes = freeBytes;
  }

  async *incoming(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      this.#inBytes += chunk.byteLength;
      yield chunk;
    }
  }

  /** @throws CambiumError `LAYER_BOMB`. */
  async *outgoing(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      this.#outBytes += chunk.byteLength;
      if (isBomb(this.#inBytes, this.#outBytes, this.#freeBytes)) {
        const problem = `${this.#inBytes} bytes became ${this.#outBytes}`;
        throw new CambiumError(
          "LAYER_BOMB",
          `${this.#where}: ${problem}, more than ${MAX_RATIO} times as many`,
          {
            hint: "No usual layer is like this; check where the image comes from.",
          },
        );
      }
      this.#hasher.update(chunk);
      yield chunk;
    }
  }

  /** Ends the hash: once, when all has come out. @throws CambiumError `DIFF_ID_INVALID`. */
  assertDiffId(expected: string): void {
    const diffId = this.#hasher.diffId();
    if (diffId === expected) return;
    throw new CambiumError(
      "DIFF_ID_INVALID",
      `${this.#where}: the config says ${expected}, its tar is ${diffId}`,
      { hint: "The image contradicts itself; have it built or pushed anew." },
    );
  }
}
