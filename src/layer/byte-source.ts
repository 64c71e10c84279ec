import { CambiumError } from "../errors.ts";

const EMPTY = Buffer.alloc(0);

/** Reads chunks of any size in pieces of a wanted size, never more than `maxBytes` in all. */
export class ByteSource {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #where: string;
  readonly #maxBytes: number;
  #chunk: Buffer = EMPTY;
  #offset = 0;
  #received = 0;
  #isDone = false;
  /** Bytes handed out so far. */
  position = 0;

  constructor(source: AsyncIterable<Uint8Array>, where: string, maxBytes: number) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#where = where;
    this.#maxBytes = maxBytes;
  }

  /**
   * Exactly `length` bytes; a view where one chunk has them all.
   * @throws CambiumError `ARCHIVE_TRUNCATED`, `ARCHIVE_LIMIT`.
   */
  async take(length: number): Promise<Buffer> {
    const first = this.#buffered(length);
    if (first.length === length) return first;
    const pieces = [first];
    let missing = length - first.length;
    while (missing > 0) {
      await this.#refill();
      const piece = this.#buffered(missing);
      pieces.push(piece);
      missing -= piece.length;
    }
    return Buffer.concat(pieces, length);
  }

  /** `length` bytes from `start`, in the chunks that come. @throws Error when the position is elsewhere by now. */
  async *chunks(start: number, length: number): AsyncGenerator<Uint8Array> {
    if (this.position !== start)
      throw new Error(`${this.#where}: content at byte ${start} was read or passed already`);
    const end = start + length;
    while (this.position < end) {
      if (this.#offset === this.#chunk.length) await this.#refill();
      yield this.#buffered(end - this.position);
    }
  }

  async skip(length: number): Promise<void> {
    let missing = length;
    for (;;) {
      missing -= this.#buffered(missing).length;
      if (missing <= 0) return;
      await this.#refill();
    }
  }

  /** Reads and forgets the rest. */
  async drain(): Promise<void> {
    this.position += this.#chunk.length - this.#offset;
    this.#offset = this.#chunk.length;
    while (await this.#pull()) this.#offset = this.#chunk.length;
  }

  /** Tells the source that no more is wanted. */
  async close(): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    await this.#iterator.return?.();
  }

  #buffered(length: number): Buffer {
    const end = Math.min(this.#chunk.length, this.#offset + Math.max(0, length));
    const piece = this.#chunk.subarray(this.#offset, end);
    this.#offset = end;
    this.position += piece.length;
    return piece;
  }

  async #refill(): Promise<void> {
    if (await this.#pull()) return;
    throw new CambiumError(
      "ARCHIVE_TRUNCATED",
      `${this.#where}: ends after ${this.#received} bytes, in the middle`,
      {
        hint: "The archive is cut off; fetch or make it anew.",
      },
    );
  }

  /** False at the end of the source. */
  async #pull(): Promise<boolean> {
    if (this.#isDone) return false;
    const next = await this.#iterator.next();
    if (next.done === true) {
      this.#isDone = true;
      return false;
    }
    const { buffer, byteOffset, byteLength } = next.value;
    this.#chunk = Buffer.from(buffer, byteOffset, byteLength);
    this.#offset = 0;
    this.#received += byteLength;
    if (this.#received > this.#maxBytes) {
      throw new CambiumError("ARCHIVE_LIMIT", `${this.#where}: more than ${this.#maxBytes} bytes`, {
        hint: "No usual archive is like this; check where it comes from.",
      });
    }
    return true;
  }
}
