import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** The repository of a folder as its remote names it, and where in it the folder is: the same in every clone. */
export type GitPlace = {
  /** `host/path`, however it is reached and whoever logs in. */
  readonly remote: string;
  /** Empty for the root. */
  readonly path: string;
};

/** Undefined outside a repository, and for one without a remote. Reads two small files; git is not needed. */
export function gitPlace(folder: string): GitPlace | undefined {
  const real = realPath(folder);
  for (let root = real; root !== undefined; root = dirname(root) === root ? undefined : dirname(root)) {
    const config = configOf(join(root, ".git"));
    if (config === undefined) continue;
    const remote = remoteIn(config);
    return remote === undefined ? undefined : { remote, path: relative(root, real!) };
  }
  return undefined;
}

/** `https://user:secret@Host/team/app.git`, `git@host:team/app`, `ssh://…` → `host/team/app`; undefined for a folder. */
export function remoteName(url: string): string | undefined {
  const parts =
    /^[a-z][a-z0-9+.-]*:\/\/(?:[^/@]*@)?(?<host>[^/:]+)(?::\d+)?\/(?<path>.+)$/i.exec(url) ??
    /^(?:[^/@:]+@)?(?<host>[^/:]+):(?<path>[^/].*)$/.exec(url);
  const { host, path } = parts?.groups ?? {};
  if (host === undefined || path === undefined || /^file:/i.test(url)) return undefined;
  const plain = path
    .replace(/[?#].*$/, "")
    .replace(/\/+$/, "")
    .replace(/\.git$/, "");
  return plain === "" ? undefined : `${host.toLowerCase()}/${plain}`;
}

/** `origin`, else the only one. */
function remoteIn(config: string): string | undefined {
  const urls = new Map<string, string>();
  let section: string | undefined;
  for (const line of config.split("\n")) {
    const header = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line)?.[1];
    if (header !== undefined) section = /^remote\s+"(.*)"$/i.exec(header)?.[1];
    const url = /^\s*url\s*=\s*(\S+)/i.exec(line)?.[1];
    if (section !== undefined && url !== undefined && !urls.has(section)) urls.set(section, url);
  }
  const url = urls.get("origin") ?? (urls.size === 1 ? [...urls.values()][0] : undefined);
  return url === undefined ? undefined : remoteName(url.replace(/^"(.*)"$/, "$1"));
}

/** Of a repository's `.git`: a folder, or in a worktree and a submodule a file that names one (gitrepository-layout(5)). */
function configOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  if (found.isDirectory()) return textOf(join(path, "config"));
  const named = /^gitdir:\s*(.+?)\s*$/m.exec(textOf(path) ?? "")?.[1];
  if (named === undefined) return undefined;
  const folder = resolve(dirname(path), named);
  const common = textOf(join(folder, "commondir"))?.trim();
  return textOf(join(folder, common ?? "", "config"));
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
