const USUAL_BYTES = 1 << 16;
/** What one large file needed is not kept for the small ones after it. */
const MAX_KEPT_BYTES = 1 << 20;

/** Bits in the order of deflate: the first is the lowest of the first byte (RFC 1951 §3.1.1). */
export class BitWriter {
  #bytes = new Uint8Array(USUAL_BYTES);
  /** Of whole bytes. */
  #length = 0;
  /** Bits that are in no byte yet, and how many: below 16. */
  #rest = 0;
  #count = 0;

  /** Makes room for what is written next. */
  reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + bytes));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  /** @param count at most 16 */
  put(value: number, count: number): void {
    this.#rest |= value << this.#count;
    this.#count += count;
    if (this.#count < 16) return;
    this.#bytes[this.#length++] = this.#rest;
    this.#bytes[this.#length++] = this.#rest >>> 8;
    this.#rest >>>= 16;
    this.#count -= 16;
  }

  /** Fills the byte that was begun with zeros. */
  align(): void {
    for (; this.#count > 0; this.#count -= 8) {
      this.#bytes[this.#length++] = this.#rest;
      this.#rest >>>= 8;
    }
    this.#count = 0;
  }

  /** After `align`. */
  copy(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** The whole bytes, which are then no longer here. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#bytes = new Uint8Array(USUAL_BYTES);
    return taken;
  }
}
