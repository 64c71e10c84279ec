import { type ElfFile, type ElfReading, elfReading, type FileRange, nextStep } from "./elf.ts";

/** Strings are near the start of most files, and are asked for when the dynamic section near the end went by. */
const HEAD_BYTES = 256 << 10;
/** No further look reaches beyond: inflating this much takes some 0.3 s. */
const MAX_LOOK_BYTES = 128 << 20;
/** A reading has four steps, of which the first is at the start. */
const MAX_LOOKS = 3;

/** A range with what went by of it. */
type Part = FileRange & { readonly bytes: Buffer; filled: number };

/**
 * Reads an ELF file while its bytes go by in order, of which it keeps some 300 KB. Where something was asked for that
 * had passed already, the start of the file is needed once more, see `lookAgain`.
 */
export class ElfScanner {
  readonly #size: number;
  #reading: ElfReading | undefined;
  #parts: readonly Part[] = [];
  #head: Buffer | undefined;
  #position = 0;
  #looks = 0;
  #isDone = false;
  #found: ElfFile | undefined;

  /** `sizeBytes`: of the file. */
  constructor(sizeBytes: number) {
    this.#size = sizeBytes;
  }

  /** The next bytes; none of them is kept but what the reading asks for. */
  update(bytes: Uint8Array): void {
    if (this.#isDone) return;
    const start = this.#position;
    if (this.#reading === undefined) {
      // Most files are no ELF files: nothing is made for them.
      this.#isDone = bytes[0] !== 0x7f;
      if (this.#isDone) return;
      this.#reading = elfReading();
      this.#proceed(this.#reading, []);
    }
    this.#position += bytes.length;
    for (;;) {
      for (const part of this.#parts) {
        if (this.#head !== undefined) fill(part, this.#head, 0);
        fill(part, bytes, start);
      }
      if (!this.#parts.every(isWhole)) break;
      this.#proceed(
        this.#reading,
        this.#parts.map(({ bytes }) => bytes),
      );
      if (this.#isDone) return;
    }
    this.#keepHead(bytes, start);
  }

  /**
   * What the file is; undefined for what is no ELF file, and for one that cannot be known: see `readElf`. Final once the
   * whole file went by and `lookAgain` says that this was all.
   */
  get found(): ElfFile | undefined {
    return this.#found;
  }

  /**
   * How many bytes from the start have to go by once more, after the whole file did; they are expected next. Undefined
   * when nothing is left to look for, or it is too far away.
   */
  lookAgain(): number | undefined {
    if (this.#isDone || this.#looks === MAX_LOOKS) return undefined;
    this.#looks += 1;
    const end = Math.max(
      0,
      ...this.#parts.filter((part) => !isWhole(part)).map(({ offset, length }) => offset + length),
    );
    if (end === 0 || end > MAX_LOOK_BYTES) return undefined;
    this.#position = 0;
    return end;
  }

  #proceed(reading: ElfReading, parts: readonly Buffer[]): void {
    const step = nextStep(reading, parts);
    if (step.done) {
      this.#found = step.value;
      this.#isDone = true;
      this.#parts = [];
      this.#head = undefined;
      return;
    }
    this.#parts = step.value.map(({ offset, length: wanted }) => {
      const length = Math.max(0, Math.min(wanted, this.#size - offset));
      return { offset, length, bytes: Buffer.alloc(length), filled: 0 };
    });
  }

  /** What is no ELF file is done by now, so nothing of it is copied. */
  #keepHead(bytes: Uint8Array, start: number): void {
    if (start >= HEAD_BYTES || start !== (this.#head?.length ?? 0)) return;
    const part = bytes.subarray(0, HEAD_BYTES - start);
    this.#head = this.#head === undefined ? Buffer.from(part) : Buffer.concat([this.#head, part]);
  }
}

function isWhole({ filled, length }: Part): boolean {
  return filled === length;
}

/** Takes what these bytes, which lie at `start`, have of a part; parts fill from their beginning only. */
function fill(part: Part, bytes: Uint8Array, start: number): void {
  const at = part.offset + part.filled - start;
  if (isWhole(part) || at < 0 || at >= bytes.length) return;
  const piece = bytes.subarray(at, at + part.length - part.filled);
  part.bytes.set(piece, part.filled);
  part.filled += piece.length;
}
