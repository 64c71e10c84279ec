import type { ElfFile } from "./elf.ts";

/** In characters; torch's 135 files take some 20,000. */
const MAX_TEXT = 8 << 20;
/** For the file itself. */
const FILE_TEXT = 100;

/**
 * Holds what is told of one package's ELF files together to a size: tiny files can name the same few bytes a thousand
 * times each. Files beyond it are not known.
 */
export class ElfBudget {
  #left = MAX_TEXT;

  /** Undefined, too, for what is not linked dynamically: there is nothing to tell of it. */
  admit(elf: ElfFile | undefined): ElfFile | undefined {
    if (elf === undefined || !elf.isDynamic) return undefined;
    const texts = [elf.soname ?? "", ...elf.needed, ...elf.runpath];
    this.#left -= texts.reduce((sum, { length }) => sum + length, FILE_TEXT);
    return this.#left < 0 ? undefined : elf;
  }
}
