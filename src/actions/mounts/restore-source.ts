import { existsSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { type MountSnapshot, readMountSnapshot } from "../../cache/mount-snapshot.ts";
import type { ContentEntry, ContentSource } from "../../context/content-source.ts";
import type { Engine } from "../../engine/embedded/engine.ts";
import { CambiumError, usageError } from "../../errors.ts";
import { redactUrl } from "../../fetch/redact.ts";
import { parseGitSource } from "../../frontend/dockerfile/git-source.ts";
import { parseLayoutReference } from "../../image/layout-reference.ts";
import { loadImage } from "../../image/load.ts";
import { mergedMembers } from "../../image/merged-members.ts";
import type { ImageSource } from "../../image/source.ts";
import { headerEntry, timeOf } from "../../layer/header-entry.ts";
import { readTar } from "../../layer/read-tar.ts";
import type { TarMember } from "../../layer/write-tar.ts";
import { machinePlatform } from "../../platform.ts";
import { fetchBlob } from "../../registry/fetch-blob.ts";
import { archiveSource } from "../../solve/sources/archive-source.ts";
import { gitSource } from "../../solve/sources/git-source.ts";
import { httpSource } from "../../solve/sources/http-source.ts";
import type { Workbench } from "../../solve/workbench.ts";
import { storedLayer } from "../../store/stored-layer.ts";
import { openSource } from "../source.ts";

/** What a mount is filled with. */
export type RestoreSource = {
  /** For people, without credentials. */
  readonly where: string;
  /** What an image says of itself, if it is the snapshot of a mount. */
  readonly snapshot?: MountSnapshot;
  /** Brings an image's layers into the store, so that nothing has to be waited for once the mount is held. */
  prepare(): Promise<void>;
  /** Once, after that. */
  members(): AsyncIterable<TarMember>;
  close(): Promise<void>;
};

type Wanted = { readonly source: string; readonly checksum?: string; readonly contextDir: string };

/**
 * Opens what people name: `oci-layout://FOLDER[:TAG]`; a git repository as ADD has it; the URL of an archive; a folder,
 * which may be an image layout; any image.
 * @throws CambiumError `MOUNT_CHECKSUM`, `MOUNT_SOURCE`, `MOUNT_SNAPSHOT`, and as each kind of source.
 */
export async function openRestoreSource(
  wanted: Wanted,
  engine: Engine,
  bench: Workbench,
): Promise<RestoreSource> {
  const { source, checksum, contextDir } = wanted;
  const git = parseGitSource(source);
  if (git !== undefined) return gitFiles(git, checksum, bench);
  if (/^https?:\/\//i.test(source)) return archiveFiles(source, checksum, bench);
  if (checksum !== undefined) {
    throw usageError(
      "MOUNT_CHECKSUM",
      `--checksum goes with a URL, not with ${JSON.stringify(source)}`,
      "An image is named by its digest instead: NAME@sha256:….",
    );
  }
  const layout = parseLayoutReference(source);
  if (layout !== undefined) {
    const { openLayoutImage } = await import("../../image/sources/layout-folder.ts");
    const folder = resolve(contextDir, layout.folder);
    return imageFiles(await openLayoutImage({ ...layout, folder }), bench);
  }
  const path = isAbsolute(source) ? source : resolve(contextDir, source);
  const isFolder = /^[./]/.test(source) && existsSync(path) && statSync(path).isDirectory();
  if (isFolder && !existsSync(join(path, "oci-layout"))) return folderFiles(path, engine, bench);
  return imageFiles(await openSource(source, contextDir, bench), bench);
}

async function imageFiles(source: ImageSource, bench: Workbench): Promise<RestoreSource> {
  const { where } = source;
  const { store, signal, emit, lease } = bench;
  try {
    const image = await loadImage(source, machinePlatform());
    const snapshot = readMountSnapshot(image, where);
    return {
      where,
      ...(snapshot !== undefined && { snapshot }),
      async prepare() {
        for (const layer of image.layers) {
          const { descriptor } = layer;
          const { digest } = descriptor;
          lease.protect([digest]);
          const name = `${where} ${digest.slice(7, 19)}`;
          await fetchBlob(store, { blob: () => layer.compressed() }, descriptor, { name, emit, signal });
        }
      },
      members: () =>
        mergedMembers(
          image.layers.map((layer) => storedLayer(store, layer)),
          { where, signal },
        ),
      close: () => source.close(),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function gitFiles(
  git: NonNullable<ReturnType<typeof parseGitSource>>,
  checksum: string | undefined,
  bench: Workbench,
): Promise<RestoreSource> {
  if ("problem" in git) {
    throw usageError("MOUNT_SOURCE", `not a git repository that can be fetched: ${git.problem}`, SOURCE_HINT);
  }
  const op = {
    kind: "git",
    keepsGitFolder: false,
    ...git,
    ...(checksum !== undefined && { checksum }),
  } as const;
  return sourceFiles(await gitSource(op, bench));
}

async function archiveFiles(
  url: string,
  checksum: string | undefined,
  bench: Workbench,
): Promise<RestoreSource> {
  const where = redactUrl(url);
  if (checksum === undefined) {
    throw usageError(
      "MOUNT_CHECKSUM",
      `nothing says what ${where} should be`,
      "State the archive's digest: --checksum sha256:….",
    );
  }
  const file = await httpSource({ kind: "http", url, checksum, isUnpacked: true }, bench);
  const [entry] = file.entries;
  const archive = entry?.type === "file" ? await archiveSource(file, entry, bench) : undefined;
  if (archive === undefined) {
    throw usageError("MOUNT_SOURCE", `${where} is no tar, plain or compressed`, SOURCE_HINT);
  }
  return sourceFiles({ ...archive, where });
}

const SOURCE_HINT =
  "Name an image, ./FOLDER, oci-layout://FOLDER, a git repository, or the URL of a tar with --checksum.";

/** Sources keep no times of their own, and a tool may drop what it takes for old: so the time is now. */
function sourceFiles(source: ContentSource): RestoreSource {
  const { where } = source;
  const mtimeSec = Math.floor(Date.now() / 1000);
  const rank = ({ type }: ContentEntry) => (type === "directory" ? 0 : type === "file" ? 1 : 2);
  async function* members(): AsyncGenerator<TarMember> {
    for (const entry of source.entries.toSorted((a, b) => rank(a) - rank(b))) {
      if (entry.type === "character" || entry.type === "block") continue;
      if (entry.type !== "file") yield { entry, mtimeSec };
      else for await (const { content } of source.read([entry])) yield { entry, mtimeSec, content };
    }
  }
  return { where, members, ...NOTHING_ELSE };
}

const NOTHING_ELSE = { prepare: async () => undefined, close: async () => undefined };

/** As tar(1) reads it, times and all. */
async function folderFiles(folder: string, engine: Engine, { signal }: Workbench): Promise<RestoreSource> {
  const failure = (code: number, detail: string) =>
    new CambiumError("MOUNT_UNREADABLE", `tar could not read ${folder} (${code}): ${detail}`, {
      hint: "Check who may read what is in it.",
    });
  async function* members(): AsyncGenerator<TarMember> {
    const tar = await engine.readFolder(folder, { signal, failure });
    for await (const entry of readTar(tar.bytes, folder, { hasRawNames: true })) {
      if (entry.type === "character" || entry.type === "block") continue;
      const content = entry.type === "file" ? { content: entry.content() } : {};
      yield { entry: headerEntry(entry), ...timeOf(entry), ...content };
    }
    await tar.end();
  }
  return { where: folder, members, ...NOTHING_ELSE };
}
