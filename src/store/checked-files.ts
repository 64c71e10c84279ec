import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CambiumError } from "../errors.ts";
import { errnoOf, storeError } from "./io-error.ts";
import { writeAtomically } from "./temporary.ts";

/**
 * Files of the store that carry their own checksum, by 64 hex digits: `<folder>/<2 hex>/<64 hex>`.
 * Not synced: a file that a power cut left empty or torn fails its checksum and is a miss.
 */
export class CheckedFiles {
  readonly #directory: string;
  readonly #temporaries: string;

  constructor(root: string, folder: string) {
    this.#directory = join(root, folder);
    this.#temporaries = join(root, "tmp");
  }

  has(id: string): boolean {
    return statSync(this.#path(id), { throwIfNoEntry: false }) !== undefined;
  }

  /** What `decode` makes of a file; when that is nothing the file is dropped and counts as unknown. */
  get<Value>(id: string, decode: (bytes: Uint8Array) => Value | undefined): Value | undefined {
    const path = this.#path(id);
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw storeError(error, path);
    }
    const value = decode(bytes);
    if (value === undefined) this.remove(id);
    return value;
  }

  /** @throws CambiumError `DISK_FULL`, `STORE_UNWRITABLE`, `STORE_IO`. */
  put(id: string, bytes: Uint8Array): void {
    const path = this.#path(id);
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      throw storeError(error, path);
    }
    writeAtomically(path, bytes, this.#temporaries, false);
  }

  remove(id: string): void {
    const path = this.#path(id);
    try {
      rmSync(path, { force: true });
    } catch (error) {
      throw storeError(error, path);
    }
  }

  /**
   * Removes what was neither written nor, as far as the filesystem noted, read since a time, in milliseconds since the
   * epoch.
   */
  removeUnused(before: number): number {
    let count = 0;
    for (const id of [...this.list()]) {
      const stat = statSync(this.#path(id), { throwIfNoEntry: false });
      if (stat === undefined || Math.max(stat.mtimeMs, stat.atimeMs) >= before) continue;
      this.remove(id);
      count += 1;
    }
    return count;
  }

  *list(): Generator<string> {
    if (!existsSync(this.#directory)) return;
    for (const name of readdirSync(this.#directory, { recursive: true, encoding: "utf8" })) {
      const match = /^[0-9a-f]{2}[/]([0-9a-f]{64})$/.exec(name);
      if (match !== null) yield match[1]!;
    }
  }

  #path(id: string): string {
    // The id becomes a path, so its form is checked here whatever the type says.
    if (!/^[0-9a-f]{64}$/.test(id)) throw new CambiumError("SEGMENT_ID_SYNTAX", `not a segment id: ${id}`);
    return join(this.#directory, id.slice(0, 2), id);
  }
}
