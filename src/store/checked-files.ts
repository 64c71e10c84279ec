import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { CambiumError } from "../errors.ts";
import { errnoOf, storeError } from "./io-error.ts";
import { asidePath, writeAtomically } from "./temporary.ts";
import { type Added, isBack, removeUnlessUsed, usedFile } from "./used.ts";

/**
 * Files of the store that carry their own checksum, by 64 hex digits: `<folder>/<2 hex>/<64 hex>`.
 * Not synced: a file that a power cut left empty or torn fails its checksum and is a miss.
 */
export class CheckedFiles {
  readonly #directory: string;
  readonly #temporaries: string;
  readonly #kind: string;
  readonly #added: Added;

  /** @param kind in the name of a file that a prune moves aside */
  constructor(root: string, folder: string, kind: string, added: Added) {
    this.#directory = join(root, folder);
    this.#temporaries = join(root, "tmp");
    this.#kind = kind;
    this.#added = added;
  }

  /** A file that is here stays while a build runs: it counts as used. */
  has(id: string): boolean {
    return usedFile(this.#path(id), this.#aside(id)) !== undefined;
  }

  /** As `peek`, and notes the use, as `has`. */
  get<Value>(id: string, decode: (bytes: Uint8Array) => Value | undefined): Value | undefined {
    return this.has(id) ? this.peek(id, decode) : undefined;
  }

  /** What `decode` makes of a file; when that is nothing the file is dropped and counts as unknown. */
  peek<Value>(id: string, decode: (bytes: Uint8Array) => Value | undefined): Value | undefined {
    const path = this.#path(id);
    for (let attempt = 0; ; attempt++) {
      try {
        const value = decode(readFileSync(path));
        if (value === undefined) rmSync(path, { force: true });
        return value;
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw storeError(error, path);
        if (attempt > 0 || !isBack(path, this.#aside(id))) return undefined;
      }
    }
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
    this.#added.bytes += bytes.byteLength;
  }

  /** Removes it unless it was used since `seenMs`. @returns whether it is gone. */
  remove(id: string, seenMs: number): boolean {
    return removeUnlessUsed(this.#path(id), this.#aside(id), seenMs);
  }

  /** All files, with size and last use. */
  *stats(): Generator<{ readonly id: string; readonly sizeBytes: number; readonly usedMs: number }> {
    for (const id of this.list()) {
      const stat = statSync(this.#path(id), { throwIfNoEntry: false });
      if (stat !== undefined) yield { id, sizeBytes: stat.size, usedMs: stat.mtimeMs };
    }
  }

  *list(): Generator<string> {
    if (!existsSync(this.#directory)) return;
    for (const name of readdirSync(this.#directory, { recursive: true, encoding: "utf8" })) {
      const match = /^[0-9a-f]{2}[/]([0-9a-f]{64})$/.exec(name);
      if (match !== null) yield match[1]!;
    }
  }

  #aside(id: string): string {
    return asidePath(this.#temporaries, this.#kind, id);
  }

  #path(id: string): string {
    // The id becomes a path, so its form is checked here whatever the type says.
    if (!/^[0-9a-f]{64}$/.test(id)) throw new CambiumError("SEGMENT_ID_SYNTAX", `not a segment id: ${id}`);
    return join(this.#directory, id.slice(0, 2), id);
  }
}
