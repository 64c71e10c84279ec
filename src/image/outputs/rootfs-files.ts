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
    mkdirSync(join(this.#root, path), { mode: 0o700 });
    this.noteDirectory(path, attributes);
  }

  noteDirectory(path: string, { mode, uid, gid, mtimeSec }: Attributes): void {
    this.#directories.set(path, { mode, uid, gid, mtimeSec });
  }

  makeSymlink(path: string, target: string, attributes: Attributes): void {
    const full = join(this.#root, path);
    symlinkSync(target, full);
    if (this.#keepsOwners) lchownSync(full, attributes.uid, attributes.gid);
    lutimesSync(full, attributes.mtimeSec, attributes.mtimeSec);
  }

  makeHardlink(path: string, target: string): void {
    linkSync(join(this.#root, target), join(this.#root, path));
  }

  /** @returns the bytes written. */
  async makeFile(path: string, content: AsyncIterable<Uint8Array>, attributes: Attributes): Promise<number> {
    const fd = openSync(join(this.#root, path), CREATE, 0o600);
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
    rmSync(join(this.#root, path), { recursive: isDirectory, force: true });
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
      const full = join(this.#root, path);
      if (this.#keepsOwners) lchownSync(full, uid, gid);
      chmodSync(full, mode);
      utimesSync(full, mtimeSec, mtimeSec);
    }
  }
}

function depthOf(path: string): number {
  return path.split("/").length;
}
