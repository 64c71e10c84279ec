import { CambiumError } from "../../errors.ts";
import type { TarEntry } from "../../layer/read-tar.ts";
import { OPAQUE_MARKER, WHITEOUT_PREFIX } from "../../layer/whiteout.ts";

export type UpperForm = {
  /**
   * Whether the layers below have this directory with the same mode and owner: then it stands there only because of what
   * is in it.
   */
  readonly isUnchanged: (directory: TarEntry) => boolean;
  /** Whether the layers below have a directory there: the kernel calls every new one opaque. */
  readonly isDirectoryBelow: (path: string) => boolean;
  /** fuse-overlayfs deletes with whiteout files where it may not make devices. */
  readonly hasWhiteoutFiles: boolean;
  /** Seconds since the epoch (SOURCE_DATE_EPOCH): later times become this one. */
  readonly latestSec?: number;
};

/** Notes of overlayfs and fuse-overlayfs, and labels that the host's policy sets on every file. */
const HOST_ATTRIBUTES = /^(?:(?:trusted|user)\.overlay\.|user\.fuseoverlayfs\.|security\.selinux$)/;
const OPAQUE_ATTRIBUTES = ["trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque"];
/** What fuse-overlayfs puts into every new directory: the marker, or a device of the name that it "deletes". */
export const OPAQUE_NAMES: readonly string[] = [OPAQUE_MARKER, OPAQUE_MARKER.slice(WHITEOUT_PREFIX.length)];

/**
 * The members of an overlay's folder of changes, parents before children, as those of a layer: deletions become whiteouts,
 * an opaque directory that hides something gets its marker. A directory without a change of its own is stated if something
 * in it is, as BuildKit's comparison and every tar writer around it have it; otherwise it is no change. Pure.
 * @throws CambiumError `LAYER_WHITEOUT` for a file whose name would delete another.
 */
export async function* upperMembers(
  entries: AsyncIterable<TarEntry>,
  where: string,
  form: UpperForm,
): AsyncGenerator<TarEntry> {
  /** Directories that nothing in them needed so far, outermost first. */
  let pending: TarEntry[] = [];
  const deleted = new Set<string>();
  for await (const raw of entries) {
    const entry = clean(raw, form.latestSec);
    const parents = pending.filter(({ path }) => entry.path.startsWith(`${path}/`));
    pending = [];
    if (entry.type === "directory") {
      const isOpaque =
        OPAQUE_ATTRIBUTES.some((name) => raw.xattrs?.[name] === "y") && form.isDirectoryBelow(entry.path);
      if (!isOpaque && form.isUnchanged(entry)) {
        pending = [...parents, entry];
        continue;
      }
      yield* parents;
      yield entry;
      if (isOpaque) yield marker(`${entry.path}/${OPAQUE_MARKER}`, entry);
      continue;
    }
    const slash = entry.path.lastIndexOf("/") + 1;
    const name = entry.path.slice(slash);
    // Its directory's attribute said so already, or it hides nothing.
    if (form.hasWhiteoutFiles && OPAQUE_NAMES.includes(name)) continue;
    yield* parents;
    if (isDeletion(entry, deleted)) {
      deleted.add(entry.path);
      yield marker(`${entry.path.slice(0, slash)}${WHITEOUT_PREFIX}${name}`, entry);
    } else if (form.hasWhiteoutFiles && name.startsWith(WHITEOUT_PREFIX)) {
      yield marker(entry.path, entry);
    } else {
      assertNoWhiteout(entry.path, where);
      yield entry;
    }
  }
}

/** tar writes the second name of one inode as a hard link, and the kernel makes all whiteouts of one. */
function isDeletion(entry: TarEntry, deleted: ReadonlySet<string>): boolean {
  if (entry.type === "hardlink") return deleted.has(entry.target ?? "");
  return entry.type === "character" && entry.device?.major === 0 && entry.device.minor === 0;
}

function clean(entry: TarEntry, latestSec: number | undefined): TarEntry {
  const { xattrs, uname: _, gname: __, mtimeText, ...rest } = entry;
  const kept = Object.entries(xattrs ?? {}).filter(([name]) => !HOST_ATTRIBUTES.test(name));
  const isLate = latestSec !== undefined && entry.mtimeSec > latestSec;
  return {
    ...rest,
    ...(isLate ? { mtimeSec: latestSec } : mtimeText === undefined ? {} : { mtimeText }),
    ...(kept.length === 0 ? {} : { xattrs: Object.fromEntries(kept) }),
  };
}

/** An empty file, as the image-spec wants whiteouts. */
function marker(path: string, { mtimeSec, offset }: TarEntry): TarEntry {
  return {
    content: noContent,
    path,
    type: "file",
    mode: 0,
    uid: 0,
    gid: 0,
    mtimeSec: Math.floor(mtimeSec),
    size: 0,
    offset,
  };
}

function assertNoWhiteout(path: string, where: string): void {
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (!name.startsWith(WHITEOUT_PREFIX)) return;
  throw new CambiumError("LAYER_WHITEOUT", `${where}: made a file ${JSON.stringify(path)}`, {
    hint: `A layer cannot hold a name that begins with ${WHITEOUT_PREFIX}: it deletes. Remove the file in the same step.`,
  });
}

async function* noContent(): AsyncGenerator<Uint8Array> {
  yield* [];
}
