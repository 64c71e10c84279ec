import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { bytesFromText } from "../../layer/raw-text.ts";

/** `mtimeSec` may have a fraction; Node keeps microseconds of it. */
export type Attributes = {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;
};

/** `O_EXCL` and `O_NOFOLLOW`: a path that something else made meanwhile is an error, not a way out. */
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * The file calls of an extraction, synchronous, since tens of thousands of small ones are several times faster so.
 * Paths are relative to the root and must have only real directories on the way: the tree sees to that.
 */
export class RootfsFiles {
  readonly #root: string;
  readonly #keepsOwners: boolean;
  /** Modes and times of directories come last: a read-only one could not be filled, and filling changes times. */
  readonly #directories = new Map<string, Attributes>();

  constructor(root: string, keepsOwners: boolean) {
    this.#root = root;
    this.#keepsOwners = keepsOwners;
  }

  makeDirectory(path: string, attributes: Attributes): void {
    mkdirSync(this.#at(path), { mode: 0o700 });
    this.noteDirectory(path, attributes);
  }

  noteDirectory(path: string, { mode, uid, gid, mtimeSec }: Attributes): void {
    this.#directories.set(path, { mode, uid, gid, mtimeSec });
  }

  makeSymlink(path: string, target: string, attributes: Attributes): void {
    const full = this.#at(path);
    symlinkSync(target.isWellFormed() ? target : bytesFromText(target), full);
    if (this.#keepsOwners) lchownSync(full, attributes.uid, attributes.gid);
    lutimesSync(full, attributes.mtimeSec, attributes.mtimeSec);
  }

  makeHardlink(path: string, target: string): void {
    linkSync(this.#at(target), this.#at(path));
  }

  /** @returns the bytes written. */
  async makeFile(path: string, content: AsyncIterable<Uint8Array>, attributes: Attributes): Promise<number> {
    const fd = openSync(this.#at(path), CREATE, 0o600);
    try {
      let size = 0;
      for await (const chunk of content) {
        let done = 0;
        while (done < chunk.byteLength) done += writeSync(fd, chunk, done);
        size += done;
      }
      // chown clears setuid bits, so it comes first.
      if (this.#keepsOwners) fchownSync(fd, attributes.uid, attributes.gid);
      fchmodSync(fd, attributes.mode);
      futimesSync(fd, attributes.mtimeSec, attributes.mtimeSec);
      return size;
    } finally {
      closeSync(fd);
    }
  }

  remove(path: string, isDirectory: boolean): void {
    rmSync(this.#at(path), { recursive: isDirectory, force: true });
    if (!isDirectory) return;
    for (const noted of this.#directories.keys()) {
      if (noted === path || noted.startsWith(`${path}/`)) this.#directories.delete(noted);
    }
  }

  /** Deepest first, so that a directory without write or search permission does not lock its children out. */
  finishDirectories(): void {
    const paths = [...this.#directories.keys()].sort((a, b) => depthOf(b) - depthOf(a));
    for (const path of paths) {
      const { mode, uid, gid, mtimeSec } = this.#directories.get(path)!;
      const full = this.#at(path);
      if (this.#keepsOwners) lchownSync(full, uid, gid);
      chmodSync(full, mode);
      utimesSync(full, mtimeSec, mtimeSec);
    }
  }

  /** Names that are no UTF-8 go to the file system as the bytes that they are. */
  #at(path: string): string | Buffer {
    if (path.isWellFormed()) return join(this.#root, path);
    return Buffer.concat([Buffer.from(`${this.#root}/`), bytesFromText(path)]);
  }
}

function depthOf(path: string): number {
  return path.split("/").length;
}
