/** Longer lines, progress bars without an end among them, come in pieces of this many bytes. */
const MAX_LINE_BYTES = 16 << 10;

/** Cuts output into lines; what is not UTF-8 becomes U+FFFD. A carriage return before the end of a line is dropped. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Uint8Array): void {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#rest.length > 0) bytes = Buffer.concat([this.#rest, bytes]);
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(0x0a, start);
      const stop = end === -1 ? bytes.length : end;
      while (stop - start > MAX_LINE_BYTES) {
        const cut = characterEnd(bytes, start + MAX_LINE_BYTES);
        this.#emit(bytes.subarray(start, cut));
        start = cut;
      }
      if (end === -1) break;
      this.#emit(bytes.subarray(start, end));
      start = end + 1;
    }
    // A copy: a view would keep the whole chunk.
    this.#rest = Buffer.from(bytes.subarray(start));
  }

  /** The last line, if no newline ended it. */
  finish(): void {
    if (this.#rest.length > 0) this.#emit(this.#rest);
    this.#rest = Buffer.alloc(0);
  }

  #emit(line: Buffer): void {
    const end = line.at(-1) === 0x0d ? line.length - 1 : line.length;
    this.#onLine(line.toString("utf8", 0, end));
  }
}

/** `at`, or up to three bytes before, so that no UTF-8 character is cut. */
function characterEnd(bytes: Buffer, at: number): number {
  for (let back = 0; back < 4; back++) if ((bytes[at - back]! & 0xc0) !== 0x80) return at - back;
  return at;
}
