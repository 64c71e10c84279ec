import { existsSync, mkdirSync, renameSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { CambiumError } from "../../errors.ts";
import { type TarMember, writeTar } from "../../layer/write-tar.ts";
import type { Store } from "../../store/store.ts";
import type { EngineHost } from "./check.ts";
import { launch } from "./launch.ts";
import { overlayMount } from "./overlay.ts";
import { createRunFolder, type RunFolder } from "./run-folders.ts";
import { endOfStep, inSandbox, openSandbox } from "./sandbox.ts";
import type { Owner } from "./step-mounts.ts";
import { diskFullOr } from "./tar-errors.ts";
import { extract } from "./trees.ts";

const USUAL: Owner = { mode: 0o755, uid: 0, gid: 0 };

/** What a folder that steps share begins with. */
export type FolderContent = {
  /** Of its root. Absent: as the seed's is, else 0755 and root's. */
  readonly owner?: Owner;
  /** A directory in a stack of trees (bottom up); its real path, free of links, without a leading slash. */
  readonly seed?: { readonly trees: readonly string[]; readonly path: string };
  /** Instead of a seed: what is in it. */
  readonly members?: AsyncIterable<TarMember>;
  /** Of its root, in seconds since the epoch with nine digits behind the point; absent: now. */
  readonly mtime?: string;
};

/**
 * Copies a directory with owners, modes, times to the nanosecond, links and xattrs. That the reader went to the end is
 * noted in a file, since a shell knows only of the last of a pipe. Arguments: from, to, the note, options for the writer.
 */
const COPY = `set -eu
from=$1 to=$2 note=$3
shift 3
{ tar --create --file=- --format=posix --numeric-owner --xattrs --xattrs-include='*' --directory="$from" . &&
  echo whole >"$note"; } |
  tar --extract --file=- --numeric-owner --same-owner --preserve-permissions --delay-directory-restore \\
    --xattrs --xattrs-include='*' --directory="$to" "$@"
read -r whole <"$note"
`;

/**
 * Makes the folder `path`, alone in a folder of its own, filled elsewhere and then renamed, so that a killed process
 * leaves nothing there; what was there goes. The folder around it is ours, whoever owns `path`: a plain user cannot
 * rename what belongs to another account, since that changes its `..`.
 * @throws CambiumError `MOUNT_SEED`, `DISK_FULL`, `ENGINE_…`; the signal's reason.
 */
export async function makeHostFolder(
  host: EngineHost,
  store: Store,
  treesPath: string,
  path: string,
  content: FolderContent,
  signal: AbortSignal | undefined,
): Promise<void> {
  const folder = createRunFolder(store, treesPath, host);
  const made = join(folder.path, "u", basename(path));
  try {
    for (const name of [join(folder.path, "m"), made]) mkdirSync(name, { recursive: true });
    const { owner, seed, members } = content;
    if (seed !== undefined && seed.trees.length > 0) {
      await copySeed(host, treesPath, folder, made, { seed, owner }, signal);
    } else {
      const all = withRoot(rootMember(owner ?? USUAL, content.mtime), members);
      await extract(host, made, writeTar(all), "a cache mount", signal);
    }
    const home = dirname(path);
    if (existsSync(home)) renameSync(home, join(folder.path, "w"));
    else mkdirSync(dirname(home), { recursive: true });
    renameSync(dirname(made), home);
  } finally {
    await folder.remove();
  }
}

/** In a sandbox of its own, where the trees are laid over each other. Owner and mode of `made` are `owner`'s if given. */
async function copySeed(
  host: EngineHost,
  treesPath: string,
  folder: RunFolder,
  made: string,
  { seed, owner }: { readonly seed: NonNullable<FolderContent["seed"]>; readonly owner: Owner | undefined },
  signal: AbortSignal | undefined,
): Promise<void> {
  const near = `${folder.near}/m`;
  // Without a folder for changes an overlay needs two others.
  const lowers = [host.emptyTree, ...seed.trees];
  const keepsRoot = owner === undefined ? [] : ["--no-overwrite-dir"];
  const sandbox = await openSandbox(host, {
    folder: treesPath,
    mounts: [overlayMount(host.overlay, lowers, undefined, near)],
    unpackInto: relative(treesPath, made),
    command: [
      ...[host.programs.sh, "-c", COPY, "sh"],
      ...[join(near, seed.path), made, join(folder.path, "note"), ...keepsRoot],
    ],
  });
  const { launched } = sandbox;
  await inSandbox(sandbox, signal, async () => {
    launched.stdout.resume();
    let text = "";
    launched.stderr.on("data", (chunk: Uint8Array) => {
      if (text.length < 10_000) text += Buffer.from(chunk).toString("utf8");
    });
    launched.commands.write("go\n");
    await pipeline(writeTar(owner === undefined ? [] : [rootMember(owner)]), launched.stdin);
    const code = await endOfStep(launched);
    launched.commands.end("done\n");
    await launched.exitCode;
    if (code !== 0) throw seedError(seed.path, code, text);
  });
}

async function* withRoot(root: TarMember, members: AsyncIterable<TarMember> | undefined) {
  yield root;
  if (members !== undefined) yield* members;
}

function rootMember(owner: Owner, mtime?: string): TarMember {
  return {
    entry: { type: "directory", path: ".", ...owner },
    mtimeSec: mtime === undefined ? Math.floor(Date.now() / 1000) : Number(mtime),
    ...(mtime !== undefined && { mtimeText: mtime }),
  };
}

function seedError(path: string, code: number, text: string): Error {
  return diskFullOr(text, (detail) => {
    return new CambiumError(
      "MOUNT_SEED",
      `cannot fill a cache mount from ${JSON.stringify(path)} (${code}): ${detail}`,
      {
        hint: "Check what its from= and source= name.",
      },
    );
  });
}

/** Takes such a folder away with the one around it: renamed first, so that nobody finds half of it. */
export async function discardHostFolder(
  host: EngineHost,
  store: Store,
  treesPath: string,
  path: string,
): Promise<void> {
  const aside = createRunFolder(store, treesPath, host);
  try {
    renameSync(dirname(path), join(aside.path, "u"));
  } finally {
    await aside.remove();
  }
}

/**
 * What folders take on disk, in bytes, files with several names once: by du(1), since parts may be closed to us, and as
 * it takes a tenth of the time that stat calls from here take. What vanishes meanwhile does not count.
 */
export async function sizesOnDisk(
  host: EngineHost,
  paths: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  const flags = ["--summarize", "--block-size=1", "--one-file-system", "--null", "--"];
  const launched = await launch(host, [host.programs.du, ...flags, ...paths]);
  launched.stdin.end();
  launched.stderr.resume();
  const chunks: Uint8Array[] = [];
  for await (const chunk of launched.stdout) chunks.push(chunk);
  await launched.exitCode;
  for (const line of Buffer.concat(chunks).toString("utf8").split("\0")) {
    const tab = line.indexOf("\t");
    if (tab > 0) sizes.set(line.slice(tab + 1), Number(line.slice(0, tab)));
  }
  return sizes;
}
