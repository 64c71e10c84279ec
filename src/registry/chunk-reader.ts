/** Hands one stream of `size` bytes out in parts of exact lengths. Memory: one chunk. */
export class ChunkReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #size: number;
  readonly #report: (position: number) => void;
  #rest: Uint8Array = new Uint8Array(0);
  #position = 0;

  constructor(source: AsyncIterable<Uint8Array>, size: number, report: (position: number) => void) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#size = size;
    this.#report = report;
  }

  /**
   * The next `length` bytes. The last of the stream are held back until it has ended: a source that judges its digest
   * then does so before the receiver can take the whole for good.
   */
  async *take(length: number): AsyncGenerator<Uint8Array> {
    let missing = length;
    while (missing > 0) {
      if (this.#rest.byteLength === 0) {
        const next = await this.#iterator.next();
        if (next.done === true) return;
        this.#rest = next.value;
        continue;
      }
      const part = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(part.byteLength);
      missing -= part.byteLength;
      this.#position += part.byteLength;
      if (this.#position === this.#size) await this.#iterator.next();
      yield part;
      this.#report(this.#position);
    }
  }

  async skip(length: number): Promise<void> {
    const skipped = this.take(length);
    while ((await skipped.next()).done !== true);
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}
