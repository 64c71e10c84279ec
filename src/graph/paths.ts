import { posix } from "node:path";

/** Without `.`, `..` and doubled or closing slashes. */
export function cleanPath(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

export function joinPath(...parts: readonly string[]): string {
  return cleanPath(posix.join(...parts));
}

/** A working directory after `WORKDIR path`: one that is absolute stays as written, as in BuildKit. */
export function nextWorkdir(current: string, path: string): string {
  const parent = current === "" ? "/" : current;
  if (path === "") return parent;
  return path.startsWith("/") ? path : joinPath("/", parent, path);
}

/** Where COPY writes: absolute, with a slash at its end where it was meant as a directory. */
export function destinationPath(workdir: string, path: string): string {
  const isDirectory = path === "" || path === "." || path.endsWith("/") || path.endsWith("/.");
  const clean = path.startsWith("/") ? cleanPath(path) : joinPath("/", workdir, path);
  return isDirectory && clean !== "/" ? `${clean}/` : clean;
}

/** A path of a source, relative to its root; the root itself is `.`. */
export function sourcePath(path: string): string {
  const clean = joinPath("/", path).slice(1);
  return clean === "" ? "." : clean;
}

/** As `sourcePath`, but the pivot of `--parents`, its first `/./`, stays. */
export function parentsPath(path: string): string {
  const pivot = path.indexOf("/./");
  if (pivot === -1) return sourcePath(path);
  return `${sourcePath(path.slice(0, pivot))}/./${sourcePath(path.slice(pivot + 3))}`;
}
