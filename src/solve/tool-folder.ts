import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { readSegmentFile } from "../layer/read-file.ts";
import type { Segment } from "../layer/segment.ts";
import type { Store } from "../store/store.ts";

/**
 * A folder of programs in the store, by name: what is there is whole, and never changes. `fill` is given an empty one.
 * @returns absolute path
 */
export async function toolFolder(
  store: Store,
  name: string,
  fill: (folder: string) => Promise<void> | void,
): Promise<string> {
  const home = join(store.root, "tools", name);
  if (existsSync(home)) return home;
  const temporary = mkdtempSync(join(store.root, "tmp", "tool-"));
  try {
    await fill(temporary);
    mkdirSync(dirname(home), { recursive: true });
    renameSync(temporary, home);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    // Another process was first; what it made is the same.
    if (!existsSync(home)) throw error;
  }
  return home;
}

/** Paths of a segment are relative and clean, and go to a folder that nobody else writes to. */
export function unpackSegment(segment: Segment, folder: string, { blobs }: Pick<Store, "blobs">): void {
  for (const entry of segment.entries) {
    const path = join(folder, entry.path);
    mkdirSync(dirname(path), { recursive: true });
    if (entry.type === "file") {
      writeFileSync(path, readSegmentFile(blobs, entry));
      chmodSync(path, entry.mode & 0o755);
    } else if (entry.type === "symlink" && !entry.target.startsWith("/")) {
      symlinkSync(entry.target, path);
    }
  }
}
