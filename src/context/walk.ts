import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { CambiumError, messageOf, usageError } from "../errors.ts";
import { comparePaths } from "../layer/entry.ts";
import { askRules, type IgnoreRule, parseDockerIgnore, parseExcludes } from "./docker-ignore.ts";
import { type GitIgnoreFile, ignoredByGit, parseGitIgnore } from "./git-ignore.ts";
import { canMatchBelow } from "./glob.ts";

/** Which ignore files a walk honours. */
export type IgnoreFileKind = "dockerignore" | "gitignore";

/**
 * One path of the build context. `path` is relative to the context with `/`; `mode` the permission bits on disk
 * (0o7777); `size` in bytes, 0 unless a file. The stamps tell whether a file was touched since it was last read.
 */
export type ContextFile = {
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  readonly mode: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: bigint;
  /** The link's text, for symlinks only. */
  readonly target?: string;
  /** A file that has other names too: `inode` tells which. */
  readonly isHardlinked?: true;
};

/** A path that an ignore rule took out; of a whole directory only its top. `by` is as in `.dockerignore:3`. */
export type ExcludedPath = { readonly path: string; readonly by: string };

/** The build context as it is now: sorted by `comparePaths`, symlinks never followed. */
export type ContextTree = {
  /** Absolute or as given by the caller. */
  readonly root: string;
  readonly files: readonly ContextFile[];
  readonly excluded: readonly ExcludedPath[];
  /** Sockets, devices and pipes, which were skipped. */
  readonly warnings: readonly string[];
};

export type WalkOptions = {
  readonly ignoreFiles: readonly IgnoreFileKind[];
  /** Instead of the folder's `.dockerignore`: one file's own, as `Dockerfile.dockerignore`. Absolute; named by its name. */
  readonly dockerIgnorePath?: string;
  /** Further patterns, as a line of a .dockerignore has them. */
  readonly exclude?: readonly string[];
  /** `.git` is left out unless this is set. */
  readonly keepsGit?: boolean;
  /** More entries are an error: a context of millions is a home directory by mistake. */
  readonly maxEntries?: number;
  readonly signal?: AbortSignal;
};

const MAX_ENTRIES = 2_000_000;
/** After so many entries the event loop gets a turn, since the calls are synchronous: 4 µs each instead of 25. */
const ENTRIES_PER_TURN = 2_000;

type Walk = {
  readonly root: string;
  readonly options: WalkOptions;
  readonly rules: readonly IgnoreRule[];
  readonly files: ContextFile[];
  readonly excluded: ExcludedPath[];
  readonly warnings: string[];
  untilTurn: number;
};

/** What a directory hands to its children. */
type Inherited = {
  readonly matches: readonly boolean[];
  readonly gitFiles: readonly GitIgnoreFile[];
  /** Set when a parent is ignored and only walked because a `!` rule may match below. */
  readonly ignoredBy?: string;
};

/**
 * Lists the build context without reading a file. A `!` rule of .dockerignore also brings back what .gitignore leaves
 * out; a directory appears when it is not excluded itself or when something in it is not.
 * @throws CambiumError `CONTEXT_MISSING`, `CONTEXT_UNREADABLE`, `CONTEXT_NAME` (not UTF-8), `CONTEXT_LIMIT`,
 * `GLOB_SYNTAX` (ignore files).
 */
export async function walkContext(root: string, options: WalkOptions): Promise<ContextTree> {
  assertDirectory(root);
  const rules = parseExcludes(options.exclude ?? [], "exclude");
  if (options.ignoreFiles.includes("dockerignore")) {
    const path = options.dockerIgnorePath ?? join(root, ".dockerignore");
    const text = readOptional(path, basename(path));
    // The file comes last, so that its "!" can bring back what the defaults leave out.
    if (text !== undefined) rules.push(...parseDockerIgnore(text, basename(path)));
  }
  const walk: Walk = {
    root,
    options,
    rules,
    files: [],
    excluded: [],
    warnings: [],
    untilTurn: ENTRIES_PER_TURN,
  };
  await walkDirectory(walk, "", { matches: [], gitFiles: [] });
  walk.files.sort((a, b) => comparePaths(a.path, b.path));
  return { root, files: walk.files, excluded: walk.excluded, warnings: walk.warnings };
}

/** @returns whether anything below stayed in. */
async function walkDirectory(walk: Walk, directory: string, inherited: Inherited): Promise<boolean> {
  walk.options.signal?.throwIfAborted();
  const names = readNames(walk.root, directory);
  const gitFiles =
    walk.options.ignoreFiles.includes("gitignore") && names.includes(".gitignore")
      ? withGitIgnore(walk.root, directory, inherited.gitFiles)
      : inherited.gitFiles;
  let hasKept = false;
  for (const name of names) {
    if (name === ".git" && walk.options.keepsGit !== true) continue;
    const path = directory === "" ? name : `${directory}/${name}`;
    const stats = statEntry(walk.root, path);
    if (stats === undefined) continue;
    walk.untilTurn -= 1;
    if (walk.untilTurn === 0) await takeTurn(walk);
    const answer = askRules(walk.rules, path, inherited.matches);
    const git =
      inherited.ignoredBy ??
      (gitFiles.length > 0 ? ignoredByGit(gitFiles, path, stats.isDirectory()) : undefined);
    const excludedBy =
      answer.verdict === "excluded" ? answer.rule!.where : answer.verdict === "none" ? git : undefined;

    if (stats.isDirectory()) {
      if (excludedBy !== undefined && !canReturn(walk.rules, path)) {
        walk.excluded.push({ path, by: excludedBy });
        continue;
      }
      const children: Inherited = {
        matches: answer.matches,
        gitFiles,
        ...(answer.verdict !== "reincluded" && git !== undefined && { ignoredBy: git }),
      };
      if (excludedBy === undefined) {
        add(walk, contextFile(path, "directory", stats));
        await walkDirectory(walk, path, children);
      } else if (await walkDirectory(walk, path, children)) {
        add(walk, contextFile(path, "directory", stats));
      } else continue;
      hasKept = true;
    } else if (excludedBy !== undefined) {
      walk.excluded.push({ path, by: excludedBy });
    } else if (stats.isFile()) {
      add(walk, contextFile(path, "file", stats));
      hasKept = true;
    } else if (stats.isSymbolicLink()) {
      const target = readLink(walk.root, path);
      add(walk, { ...contextFile(path, "symlink", stats), target });
      hasKept = true;
    } else {
      walk.warnings.push(`skipped ${path}: ${kindOf(stats)} cannot be part of an image`);
    }
  }
  return hasKept;
}

function add(walk: Walk, file: ContextFile): void {
  walk.files.push(file);
  const limit = walk.options.maxEntries ?? MAX_ENTRIES;
  if (walk.files.length > limit) {
    throw usageError(
      "CONTEXT_LIMIT",
      `${walk.root}: more than ${limit} files and directories in the build context`,
      "Build from the project's own folder, or exclude what is not needed in .dockerignore.",
    );
  }
}

async function takeTurn(walk: Walk): Promise<void> {
  walk.untilTurn = ENTRIES_PER_TURN;
  await new Promise((resolve) => setImmediate(resolve));
  walk.options.signal?.throwIfAborted();
}

function canReturn(rules: readonly IgnoreRule[], directory: string): boolean {
  return rules.some((rule) => rule.isNegated && canMatchBelow(rule.glob, directory));
}

function withGitIgnore(
  root: string,
  directory: string,
  above: readonly GitIgnoreFile[],
): readonly GitIgnoreFile[] {
  const path = directory === "" ? ".gitignore" : `${directory}/.gitignore`;
  const text = readOptional(join(root, path), path);
  return text === undefined ? above : [...above, parseGitIgnore(text, directory)];
}

function contextFile(path: string, type: ContextFile["type"], stats: BigIntStats): ContextFile {
  return {
    path,
    type,
    mode: Number(stats.mode) & 0o7777,
    size: type === "file" ? Number(stats.size) : 0,
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    inode: stats.ino,
    ...(type === "file" && stats.nlink > 1n && { isHardlinked: true }),
  };
}

function kindOf(stats: BigIntStats): string {
  if (stats.isSocket()) return "a socket";
  if (stats.isFIFO()) return "a pipe";
  return "a device";
}

function readNames(root: string, directory: string): string[] {
  let names: string[];
  try {
    names = readdirSync(join(root, directory));
  } catch (cause) {
    throw unreadable(directory === "" ? root : directory, cause);
  }
  // Decoding puts U+FFFD where bytes are not UTF-8; only then is the costlier question asked.
  if (names.some((name) => name.includes("\uFFFD"))) assertUtf8Names(root, directory);
  return names;
}

function assertUtf8Names(root: string, directory: string): void {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (const name of readdirSync(join(root, directory), { encoding: "buffer" })) {
    try {
      decoder.decode(name);
    } catch (cause) {
      throw usageError(
        "CONTEXT_NAME",
        `${directory === "" ? "." : directory}: a file name is not UTF-8: ${JSON.stringify(name.toString("latin1"))}`,
        "Rename the file, or exclude its directory in .dockerignore.",
        cause,
      );
    }
  }
}

function statEntry(root: string, path: string): BigIntStats | undefined {
  try {
    return lstatSync(`${root}/${path}`, { bigint: true });
  } catch (cause) {
    // Removed since its directory was listed: as if it had never been there.
    if (isMissing(cause)) return undefined;
    throw unreadable(path, cause);
  }
}

function readLink(root: string, path: string): string {
  try {
    return readlinkSync(join(root, path));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function readOptional(path: string, shown: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw unreadable(shown, cause);
  }
}

function assertDirectory(root: string): void {
  try {
    if (readdirSync(root) !== undefined) return;
  } catch (cause) {
    if (isMissing(cause) || (cause as NodeJS.ErrnoException).code === "ENOTDIR") {
      throw usageError("CONTEXT_MISSING", `no such directory: ${root}`, "Name the project's folder.", cause);
    }
    throw unreadable(root, cause);
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && (cause as NodeJS.ErrnoException).code === "ENOENT";
}

function unreadable(path: string, cause: unknown): CambiumError {
  return new CambiumError("CONTEXT_UNREADABLE", `cannot read ${path}: ${messageOf(cause)}`, {
    hint: "Make it readable, or exclude it in .dockerignore.",
    cause,
    exitCode: 2,
  });
}
