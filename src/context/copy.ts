import { usageError } from "../errors.ts";
import { comparePaths } from "../layer/entry.ts";
import { type CopyOp, type CopySource, findSources } from "./copy-sources.ts";
import { askRulesAlone, parseExcludes } from "./docker-ignore.ts";
import type { ContextFile, ContextTree } from "./walk.ts";

export type { CopyOp };

/**
 * One path that a copy puts into the image. `path` is relative to the image's root; `source` is the context file that
 * gives the content of a file. `isImplied` marks the destination directory itself: it is made when it is not there,
 * and left as it is when something below has it.
 */
export type CopyEntry = {
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly source?: ContextFile;
  readonly target?: string;
  readonly isImplied?: true;
};

export type CopyOptions = {
  /** `normalize`: 0755 for directories and what its owner may execute, else 0644, so that no umask leaves a trace. */
  readonly modes: "normalize" | "keep";
  readonly uid: number;
  readonly gid: number;
  /** Whether an absolute path is known to be a directory of the image: a file copied there goes into it. */
  readonly isDirectory?: (path: string) => boolean;
};

/**
 * What one COPY means, by Docker's rules: of a directory its contents are copied; a trailing slash, several sources or
 * a wildcard make the destination a directory; a later source wins. Sorted by `comparePaths`, each path once.
 * @throws CambiumError `COPY_SOURCE_MISSING`, `COPY_SOURCE_OUTSIDE`, `COPY_DESTINATION`, `COPY_CONFLICT`, `GLOB_SYNTAX`.
 */
export function copyEntries(tree: ContextTree, op: CopyOp, options: CopyOptions): CopyEntry[] {
  const found = findSources(tree, op);
  const sources = withoutExcluded(found, op);
  const destination = parseDestination(op);
  const isIntoDirectory =
    destination.hasSlash ||
    destination.path === "" ||
    op.sources.length > 1 ||
    sources.length > 1 ||
    sources.some((source) => source.file.type === "directory") ||
    options.isDirectory?.(`/${destination.path}`) === true;
  assertDestination(op, sources, destination);

  const entries = new Map<string, CopyEntry>();
  const put = (entry: CopyEntry) => {
    const before = entries.get(entry.path);
    if (before !== undefined && (before.type === "directory") !== (entry.type === "directory")) {
      throw usageError(
        "COPY_CONFLICT",
        `copy to ${op.destination}: /${entry.path} would be both a directory and a ${before.type === "directory" ? entry.type : before.type}`,
        "Copy one of the two elsewhere.",
      );
    }
    entries.set(entry.path, entry);
  };
  if (isIntoDirectory && destination.path !== "") {
    put({ ...directoryAt(destination.path, op, options), isImplied: true });
  }
  for (const source of sources) {
    if (source.file.type === "directory") {
      for (const child of source.below) {
        put(
          entryAt(
            join(
              destination.path,
              child.path.slice(source.file.path.length + (source.file.path === "" ? 0 : 1)),
            ),
            child,
            op,
            options,
          ),
        );
      }
    } else {
      const path = isIntoDirectory ? join(destination.path, baseName(source.name)) : destination.path;
      put(entryAt(path, source.file, op, options));
    }
  }
  assertParentsAreDirectories(op, entries);
  return [...entries.values()].sort((a, b) => comparePaths(a.path, b.path));
}

/** `exclude` speaks as .dockerignore does, relative to the context. A directory stays when something in it does. */
function withoutExcluded(sources: readonly CopySource[], op: CopyOp): readonly CopySource[] {
  const rules = parseExcludes(op.exclude ?? [], "copy exclude");
  if (rules.length === 0) return sources;
  const isExcluded = (file: ContextFile) => askRulesAlone(rules, file.path).verdict === "excluded";
  return sources
    .map((source) => {
      const kept = source.below.filter((file) => file.type === "directory" || !isExcluded(file));
      const needed = new Set(
        kept.filter((file) => file.type !== "directory").flatMap((file) => parentsOf(file.path)),
      );
      return {
        ...source,
        below: kept.filter((file) => file.type !== "directory" || needed.has(file.path) || !isExcluded(file)),
      };
    })
    .filter((source) => source.file.type === "directory" || !isExcluded(source.file));
}

function parseDestination(op: CopyOp): { path: string; hasSlash: boolean } {
  if (!op.destination.startsWith("/")) {
    throw usageError(
      "COPY_DESTINATION",
      `copy destination is not absolute: ${JSON.stringify(op.destination)}`,
    );
  }
  const segments: string[] = [];
  for (const segment of op.destination.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return { path: segments.join("/"), hasSlash: /\/\.?$/.test(op.destination) };
}

function assertDestination(
  op: CopyOp,
  sources: readonly CopySource[],
  destination: { path: string; hasSlash: boolean },
): void {
  const files = sources.filter((source) => source.file.type !== "directory");
  if (files.length < 2 || destination.hasSlash || destination.path === "") return;
  throw usageError(
    "COPY_DESTINATION",
    `copy of ${files.length} files to ${JSON.stringify(op.destination)}, which does not say that it is a directory`,
    `Write ${op.destination}/ with a slash at the end.`,
  );
}

function assertParentsAreDirectories(op: CopyOp, entries: ReadonlyMap<string, CopyEntry>): void {
  for (const path of entries.keys()) {
    for (const parent of parentsOf(path)) {
      const entry = entries.get(parent);
      if (entry !== undefined && entry.type !== "directory") {
        throw usageError(
          "COPY_CONFLICT",
          `copy to ${op.destination}: /${parent} is a ${entry.type}, and /${path} would lie below it`,
          "Copy one of the two elsewhere.",
        );
      }
    }
  }
}

function entryAt(path: string, file: ContextFile, op: CopyOp, options: CopyOptions): CopyEntry {
  if (file.type === "directory") return directoryAt(path, op, options, file);
  const owner = { uid: options.uid, gid: options.gid };
  if (file.type === "symlink") {
    return { path, type: "symlink", mode: 0o777, ...owner, target: file.target ?? "" };
  }
  const normal = (file.mode & 0o100) !== 0 ? 0o755 : 0o644;
  const mode = op.chmod ?? (options.modes === "normalize" ? normal : file.mode);
  return { path, type: "file", mode, ...owner, source: file };
}

/** `chmod` is meant for files; a directory gets x wherever it has r, or nobody could enter it. */
function directoryAt(path: string, op: CopyOp, options: CopyOptions, file?: ContextFile): CopyEntry {
  const kept = options.modes === "keep" && file !== undefined ? file.mode : 0o755;
  const mode = op.chmod === undefined ? kept : op.chmod | ((op.chmod & 0o444) >> 2);
  return { path, type: "directory", mode, uid: options.uid, gid: options.gid };
}

function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) parents.push(path.slice(0, at));
  return parents;
}

function join(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
