import { type CambiumError, usageError } from "../errors.ts";
import { parentOf } from "../layer/arrange.ts";
import type { DirectoryEntry } from "../layer/entry.ts";
import type { Chmod } from "./chmod.ts";
import type { ContentEntry, ContentFile } from "./content-source.ts";
import { askRules, type IgnoreRule, parseExcludes } from "./docker-ignore.ts";
import { compileGlob } from "./glob.ts";
import { missingSource } from "./missing-source.ts";
import type { SourceTree } from "./source-tree.ts";
import type { TargetTree } from "./target-tree.ts";

export type Owner = { readonly uid: number; readonly gid: number };

/** Where to, and what becomes of owners and modes. */
export type CopyTarget = {
  /** Absolute; with a slash at the end a directory. */
  readonly destination: string;
  /** Absent: as in the source. */
  readonly owner?: Owner;
  readonly chmod?: Chmod;
};

export type CopySelection = {
  /** Relative to the source's root, with or without a leading slash; `..` ends there. */
  readonly path: string;
  /** Whether wildcards count, and a link that is named is followed. False: `path` is one name. */
  readonly isPattern: boolean;
  readonly exclude?: readonly string[];
  /** `--parents`: what is below the root, or after a `/./` below that directory, keeps its path. */
  readonly keepsParents?: boolean;
};

/**
 * Copies what `selection` names into `target`, as BuildKit's file op does (docs of COPY, and what 0.32.2 is seen to do):
 * - a directory's contents are copied, its own mode and owner are not; directories in it give theirs to what is there;
 * - a link that is named is followed inside the source, one in a directory stays a link;
 * - links of the destination are followed inside the stage, but not one that a copied file replaces;
 * - `exclude` speaks of paths in a copied directory, never of what is named;
 * - a wildcard that matches nothing copies nothing;
 * - no file replaces a directory, and no directory anything else.
 * @throws CambiumError `COPY_SOURCE_MISSING`, `COPY_DESTINATION`, `COPY_CONFLICT`, `COPY_WHITEOUT`, `GLOB_SYNTAX`.
 */
export function copyInto(
  target: TargetTree,
  tree: SourceTree,
  selection: CopySelection,
  to: CopyTarget,
): void {
  for (const path of namedPaths(tree, selection)) copyPath(target, tree, path, selection, to);
}

/**
 * The paths that a selection names, wildcards expanded in the order of a walk.
 * @throws CambiumError `COPY_SOURCE_MISSING`, `GLOB_SYNTAX`.
 */
export function namedPaths(tree: SourceTree, selection: CopySelection): string[] {
  const { base, include } = pivot(selection);
  if (include === "") {
    throw usageError(
      "COPY_SOURCE_MISSING",
      `copy --parents: ${selection.path} names no path that could be kept`,
      "Name what is to be copied behind the last /./, such as ./*.",
    );
  }
  if (include !== undefined && !hasWildcard(base) && !hasWildcard(include)) {
    const required = cleaned(`${base}/${include}`);
    if (tree.entry(required) === undefined) throw notThere(tree, required, selection.path);
  }
  return selection.isPattern ? expanded(tree, base, selection.path) : [cleaned(base)];
}

/** Copies one of the `namedPaths`. @throws as `copyInto`. */
export function copyPath(
  target: TargetTree,
  tree: SourceTree,
  path: string,
  selection: CopySelection,
  to: CopyTarget,
): void {
  const { include } = pivot(selection);
  const rules: Rules = {
    include: include === undefined ? undefined : patterns([include], "copy --parents"),
    exclude: patterns(selection.exclude ?? [], "copy --exclude"),
  };
  const real = selection.isPattern ? tree.resolve(path) : path;
  const entry = real === undefined ? undefined : tree.entry(real);
  if (real === undefined || entry === undefined) throw notThere(tree, path, selection.path);
  const copier = new Copier(target, tree, to, rules);
  copier.copy(real, entry, { into: destinationOf(target, to, entry, path) });
}

/** A pattern of `--parents` in two: where the kept part begins, and that part. */
function pivot({ path, keepsParents }: CopySelection): { base: string; include?: string } {
  if (keepsParents !== true) return { base: path };
  const cut = path.indexOf("/./");
  const kept = cut === -1 ? path : path.slice(cut + 3);
  return { base: cut === -1 ? "/" : path.slice(0, cut), include: cleaned(kept) };
}

type Rules = {
  readonly include: readonly IgnoreRule[] | undefined;
  readonly exclude: readonly IgnoreRule[];
};

/** A pattern with a leading slash names nothing, since paths have none. */
function patterns(texts: readonly string[], where: string): IgnoreRule[] {
  return parseExcludes(
    texts.filter((text) => !/^\s*!?\//.test(text)),
    where,
  );
}

/** As filepath.Match: an escaped wildcard is none. */
function hasWildcard(text: string): boolean {
  return /[*?[]/.test(text.replace(/\\./gs, ""));
}

/** Go's path.Join of `/` and the text, without the slash in front. */
export function cleaned(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** The paths that a source with wildcards names, in the order of a walk; what is below a match is the match's. */
function expanded(tree: SourceTree, base: string, written: string): string[] {
  const parts = cleaned(base).split("/");
  const first = parts.findIndex(hasWildcard);
  if (first === -1) return [parts.join("/")];
  const start = tree.resolve(parts.slice(0, first).join("/"));
  if (start === undefined || tree.entry(start) === undefined) {
    throw notThere(tree, parts.slice(0, first).join("/"), written);
  }
  // Here two stars are two times one star, which crosses no slash.
  const text = parts.slice(first).join("/");
  const glob = compileGlob(
    text.replace(/(\\.)|\*+/gs, (all, escaped) => escaped ?? all[0]),
    `copy ${written}`,
  );
  const found: string[] = [];
  const walk = (directory: string, relative: string) => {
    for (const name of tree.names(directory)) {
      const path = below(directory, name);
      const at = below(relative, name);
      if (glob.matches(at)) found.push(path);
      else if (tree.entry(path)?.type === "directory") walk(path, at);
    }
  };
  if (tree.entry(start)?.type === "directory") walk(start, "");
  return found;
}

/** Makes what must be there first, and says where the source itself goes. */
function destinationOf(target: TargetTree, to: CopyTarget, entry: ContentEntry, path: string): string {
  const written = cleaned(to.destination);
  const isDirectory = written === "" || /\/\.?$/.test(to.destination);
  makeDirectories(target, target.resolve(isDirectory ? written : parentOf(written)), to);
  const place = target.resolve(written);
  const there = target.entry(place);
  if (entry.type === "directory") {
    if (there === undefined) makeDirectories(target, place, to);
    return place;
  }
  const destination = there?.type === "directory" ? below(place, nameOf(path)) : place;
  makeDirectories(target, parentOf(destination), to);
  return destination;
}

/** Like mkdir -p, for a path without links. @throws CambiumError `COPY_CONFLICT`. */
export function makeDirectories(
  target: TargetTree,
  path: string,
  made: Pick<CopyTarget, "owner" | "chmod">,
): void {
  const there = target.entry(path);
  if (there?.type === "directory") return;
  if (there !== undefined) throw conflict(path, `is a ${there.type}, and something is to be put below it`);
  const parent = parentOf(path);
  makeDirectories(target, parent, made);
  const mode = made.chmod?.parentMode ?? 0o755;
  // As the kernel makes directories in one with the set-group-id bit.
  const above = target.directory(parent);
  const handsOn = above !== undefined && (above.mode & 0o2000) !== 0;
  const owner = made.owner ?? { uid: 0, gid: handsOn ? above.gid : 0 };
  target.put({ type: "directory", path, mode: handsOn ? mode | 0o2000 : mode, ...owner });
}

type Step = {
  readonly into: string;
  /** Relative to the source directory that was named; absent for itself. */
  readonly relative?: string;
  readonly includes?: readonly boolean[];
  readonly excludes?: readonly boolean[];
};

/** A directory that is made only when something in it is copied. */
type Pending = { readonly entry: ContentEntry; readonly into: string; isMade: boolean };

class Copier {
  readonly #target: TargetTree;
  readonly #tree: SourceTree;
  readonly #to: CopyTarget;
  readonly #rules: Rules;
  readonly #pending: Pending[] = [];
  readonly #links = new Map<string, object>();

  constructor(target: TargetTree, tree: SourceTree, to: CopyTarget, rules: Rules) {
    this.#target = target;
    this.#tree = tree;
    this.#to = to;
    this.#rules = rules;
  }

  copy(path: string, entry: ContentEntry, step: Step): void {
    const { relative, into } = step;
    const included =
      relative === undefined || this.#rules.include === undefined
        ? undefined
        : askRules(this.#rules.include, relative, step.includes ?? []);
    const excluded =
      relative === undefined ? undefined : askRules(this.#rules.exclude, relative, step.excludes ?? []);
    const isExcluded = excluded?.verdict === "excluded";
    const isIncluded = !isExcluded && (included === undefined || included.verdict === "excluded");
    if (isIncluded) this.#makePending();
    if (entry.type !== "directory") {
      if (isIncluded) this.#putOther(entry, into);
      return;
    }
    const isNested = relative !== undefined;
    if (isIncluded) this.#putDirectory(entry as DirectoryEntry, into, isNested);
    if (isExcluded && !this.#rules.exclude.some((rule) => rule.isNegated)) return;
    this.#pending.push({ entry, into, isMade: isIncluded });
    for (const name of this.#tree.names(path)) {
      const child = below(path, name);
      this.copy(child, this.#tree.entry(child)!, {
        into: below(into, name),
        relative: below(relative ?? "", name),
        ...(included !== undefined && { includes: included.matches }),
        ...(excluded !== undefined && { excludes: excluded.matches }),
      });
    }
    this.#pending.pop();
  }

  /** What is there keeps its metadata if it is the destination itself; below it the source's count. */
  #putDirectory(entry: DirectoryEntry, into: string, isNested: boolean): void {
    const there = this.#target.entry(into);
    if (there !== undefined && there.type !== "directory") {
      throw conflict(into, `is a ${there.type}, and a directory is to be copied there`);
    }
    if (there !== undefined && !isNested) return;
    const xattrs = { ...(there as DirectoryEntry | undefined)?.xattrs, ...entry.xattrs };
    this.#target.put({ ...this.#attributes(entry), type: "directory", path: into, ...some(xattrs) });
  }

  #putOther(entry: Exclude<ContentEntry, DirectoryEntry>, into: string): void {
    const there = this.#target.entry(into);
    if (there?.type === "directory") {
      throw conflict(into, `is a directory, and a ${entry.type} is to be copied there`);
    }
    if (entry.type === "symlink") {
      const { uid, gid } = this.#attributes(entry);
      this.#target.put({ ...entry, mode: 0o777, uid, gid, path: into });
    } else if (entry.type === "file") {
      const { inode, ...file } = entry;
      const link = inode === undefined ? undefined : this.#link(inode);
      const placed = { ...file, ...this.#attributes(entry), path: into, from: this.#tree.source };
      this.#target.put({ ...placed, content: entry, ...(link && { link }) });
    } else {
      this.#target.put({ ...entry, ...this.#attributes(entry), path: into });
    }
  }

  #link(inode: string): object {
    const before = this.#links.get(inode);
    if (before !== undefined) return before;
    const link = {};
    this.#links.set(inode, link);
    return link;
  }

  /** Those that are there already get the source's mode and keep their owner. */
  #makePending(): void {
    for (const pending of this.#pending) {
      if (pending.isMade) continue;
      pending.isMade = true;
      const entry = pending.entry as DirectoryEntry;
      const there = this.#target.directory(pending.into);
      if (there === undefined) this.#putDirectory(entry, pending.into, true);
      else this.#target.put({ ...there, path: pending.into, mode: entry.mode });
    }
  }

  #attributes(entry: ContentEntry | ContentFile): Owner & { readonly mode: number } {
    const { owner = entry, chmod } = this.#to;
    const mode = chmod === undefined ? entry.mode : chmod.apply(entry.mode, entry.type === "directory");
    return { uid: owner.uid, gid: owner.gid, mode };
  }
}

function some(xattrs: Readonly<Record<string, string>>): { xattrs?: Readonly<Record<string, string>> } {
  return Object.keys(xattrs).length === 0 ? {} : { xattrs };
}

function notThere(tree: SourceTree, path: string, written: string): Error {
  const { where, entries, excluded = [] } = tree.source;
  const link = tree.entry(path);
  if (link?.type === "symlink") {
    return usageError(
      "COPY_SOURCE_MISSING",
      `copy: ${written} is a link to ${link.target}, which leads to nothing in ${where}`,
      "A link is followed only inside of what is copied from.",
    );
  }
  return missingSource({ where, paths: entries, excluded }, path, written);
}

function conflict(path: string, problem: string): CambiumError {
  return usageError(
    "COPY_CONFLICT",
    `copy: /${path} ${problem}`,
    "Copy to another place, or remove it in a RUN before.",
  );
}

export function below(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
