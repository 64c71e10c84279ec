import type { CopySourceOp, CopyStep } from "../../src/graph/stages.ts";

/** One COPY or ADD, for the Dockerfile and for us. */
export type CopyCase = {
  readonly name: string;
  /** BuildKit does not build it, and neither do we. */
  readonly isRefused?: true;
  /** Default: the small base with links. */
  readonly base?: "scratch";
  readonly paths?: readonly string[];
  readonly heredoc?: { readonly name: string; readonly content: string };
  readonly to: string;
  readonly from?: "src";
  readonly isAdd?: true;
  readonly chown?: string;
  readonly chmod?: string;
  readonly exclude?: readonly string[];
  readonly parents?: true;
  readonly link?: true;
  readonly unpack?: boolean;
  /** Of what a loopback server has. */
  readonly http?: { readonly path: string; readonly checksum?: string };
  readonly git?: {
    readonly ref?: string;
    readonly subdirectory?: string;
    readonly checksum?: string;
    readonly keepsGitFolder?: true;
  };
};

export type Places = { readonly httpUrl: string; readonly gitUrl: string };

export function dockerfileOf(one: CopyCase, places: Places): string {
  const flags = [
    one.from === undefined ? [] : [`--from=${one.from}`],
    one.chown === undefined ? [] : [`--chown=${one.chown}`],
    one.chmod === undefined ? [] : [`--chmod=${one.chmod}`],
    (one.exclude ?? []).map((pattern) => `--exclude=${pattern}`),
    one.parents === undefined ? [] : ["--parents"],
    one.link === undefined ? [] : ["--link"],
    one.unpack === undefined ? [] : [`--unpack=${one.unpack}`],
    one.http?.checksum === undefined ? [] : [`--checksum=${one.http.checksum}`],
    one.git?.checksum === undefined ? [] : [`--checksum=${one.git.checksum}`],
    one.git?.keepsGitFolder === undefined ? [] : ["--keep-git-dir=true"],
  ].flat();
  const instruction = [one.isAdd === undefined ? "COPY" : "ADD", ...flags].join(" ");
  const last =
    one.heredoc === undefined
      ? `${instruction} ${JSON.stringify([...(one.paths?.map(escaped) ?? urlOf(one, places)), one.to])}`
      : `${instruction} <<${one.heredoc.name} ${one.to}\n${one.heredoc.content}${one.heredoc.name}`;
  return [
    ...["FROM scratch AS base", "ADD base.tar /", "FROM scratch AS src", "ADD src.tar /"],
    ...[`FROM ${one.base ?? "base"}`, last, ""],
  ].join("\n");
}

/** A Dockerfile's own escape is undone before the path is looked at. */
function escaped(path: string): string {
  return path.replaceAll("\\", "\\\\");
}

function urlOf({ http, git }: CopyCase, { httpUrl, gitUrl }: Places): string[] {
  if (http !== undefined) return [`${httpUrl}${http.path}`];
  if (git === undefined) return [];
  const subdirectory = git.subdirectory === undefined ? "" : `:${git.subdirectory}`;
  const fragment = `${git.ref ?? ""}${subdirectory}`;
  return [fragment === "" ? gitUrl : `${gitUrl}#${fragment}`];
}

export function stepOf(one: CopyCase, places: Places): CopyStep & { line: number; text: string } {
  return {
    op: "copy",
    line: 6,
    text: one.name,
    sources: [sourceOf(one, places)],
    destination: one.to,
    ...(one.chown !== undefined && { owner: one.chown }),
    ...(one.chmod !== undefined && { chmod: one.chmod }),
    isLinked: one.link === true,
    keepsParents: one.parents === true,
    exclude: one.exclude ?? [],
  };
}

function sourceOf(one: CopyCase, places: Places): CopySourceOp {
  const { http, git, heredoc } = one;
  if (heredoc !== undefined) return { kind: "inline", ...heredoc };
  if (http !== undefined) {
    const { path, ...rest } = http;
    return { kind: "http", url: `${places.httpUrl}${path}`, ...rest, isUnpacked: one.unpack === true };
  }
  if (git !== undefined) {
    return { kind: "git", url: places.gitUrl, keepsGitFolder: false, ...git };
  }
  return {
    kind: "files",
    from: one.from === undefined ? { kind: "context" } : { kind: "stage", stage: 1 },
    paths: one.paths ?? [],
    isUnpacked: one.unpack ?? one.isAdd === true,
  };
}

export const CASES: readonly CopyCase[] = [
  { name: "a file to a name", paths: ["a.txt"], to: "/x/y/b.txt" },
  { name: "a file into a directory by its slash", paths: ["a.txt"], to: "/x/" },
  { name: "a file into a directory that is there", paths: ["a.txt"], to: "/opt" },
  { name: "a file to scratch's root", base: "scratch", paths: ["a.txt"], to: "/" },
  { name: "modes are kept", paths: ["run.sh", "private", "suid"], to: "/bin2/" },
  { name: "a directory's contents", paths: ["dir"], to: "/x" },
  { name: "a directory's contents with slashes", paths: ["dir/"], to: "/x/" },
  { name: "a directory into one that is there", paths: ["dir"], to: "/opt" },
  { name: "a nested directory gives its mode to what is there", paths: ["nested"], to: "/" },
  { name: "the whole context", base: "scratch", paths: ["."], to: "/app" },
  { name: "several sources", paths: ["a.txt", "dir", "run.sh"], to: "/x/" },
  { name: "several files to what is no directory", paths: ["a.txt", "run.sh"], to: "/x" },
  { name: "leading slash and dots", paths: ["/../dir/../a.txt"], to: "/./x/../y/" },
  { name: "a wildcard", paths: ["*.txt"], to: "/x/" },
  { name: "a question mark and a class", paths: ["?.tx[s-u]"], to: "/x/" },
  { name: "a wildcard for directories", paths: ["d*"], to: "/x/" },
  { name: "a wildcard below a directory", paths: ["dir/*/*.md"], to: "/x/" },
  { name: "two stars are one", paths: ["**/*.md"], to: "/x/" },
  { name: "a wildcard in a name with brackets", paths: ["[[]odd] name"], to: "/x/" },
  { name: "a wildcard that matches nothing", paths: ["*.nothing"], to: "/x/" },
  {
    isRefused: true,
    name: "a wildcard in a directory that is not there",
    paths: ["nowhere/*.txt"],
    to: "/x/",
  },
  { isRefused: true, name: "a backslash without a wildcard is itself", paths: ["a\\.txt"], to: "/x/" },
  // Not from a context: BuildKit's client does not send a file that only an escape names.
  { name: "an escaped character beside a wildcard", from: "src", paths: ["/d\\ata*"], to: "/x/" },
  { isRefused: true, name: "nothing there", paths: ["missing.txt"], to: "/x/" },
  { isRefused: true, name: "ignored by .dockerignore", paths: ["ignored.txt"], to: "/x/" },
  { name: "a link to a file", paths: ["to-a"], to: "/x/" },
  { name: "a link to a directory", paths: ["to-dir"], to: "/x/" },
  { name: "a path through a link", paths: ["to-dir/one.md"], to: "/x/" },
  { name: "links in a directory stay", paths: ["links"], to: "/x/" },
  { name: "an absolute link inside the context", paths: ["abs-a"], to: "/x/" },
  { isRefused: true, name: "a link out of the context", paths: ["outside"], to: "/x/" },
  { name: "hard links", paths: ["hard"], to: "/x/" },
  { name: "exclude in a directory", paths: ["dir"], to: "/x/", exclude: ["*.md"] },
  { name: "exclude at every depth", paths: ["dir"], to: "/x/", exclude: ["**/*.md"] },
  { name: "exclude with an exception", paths: ["dir"], to: "/x/", exclude: ["sub", "!sub/deep.md"] },
  { name: "exclude of a file that is named", paths: ["a.txt"], to: "/x/", exclude: ["*.txt"] },
  { name: "exclude of files that a wildcard names", paths: ["[ad]*"], to: "/x/", exclude: ["*.txt", "*.md"] },
  { name: "exclude with a leading slash", paths: ["dir"], to: "/x/", exclude: ["/one.md"] },
  { name: "parents", paths: ["dir/sub/deep.md", "a.txt"], to: "/x/", parents: true },
  { name: "parents from a pivot", paths: ["dir/./sub/deep.md"], to: "/x/", parents: true },
  { name: "parents with wildcards", paths: ["d*/**/*.md"], to: "/x/", parents: true },
  { name: "parents of a directory", paths: ["dir/sub"], to: "/x/", parents: true },
  { name: "parents that are there", paths: ["nested/tmp/inner.txt"], to: "/", parents: true, chmod: "640" },
  { isRefused: true, name: "parents of nothing", paths: ["dir/missing"], to: "/x/", parents: true },
  { name: "parents with exclude", paths: ["dir"], to: "/x/", parents: true, exclude: ["**/*.md"] },
  { name: "through a link of the stage", paths: ["a.txt"], to: "/lib/x/" },
  { name: "through an absolute link of the stage", paths: ["a.txt"], to: "/abs/new/a.txt" },
  { name: "onto a link to a file", paths: ["a.txt"], to: "/link-to-file" },
  { name: "onto a link that dangles", paths: ["a.txt"], to: "/dangling" },
  { name: "over a link in a directory", paths: ["over"], to: "/" },
  { isRefused: true, name: "a directory over a link to one", paths: ["overdir"], to: "/" },
  { isRefused: true, name: "through links in a circle", paths: ["a.txt"], to: "/circle/x" },
  { name: "a link that leads above the root", paths: ["a.txt"], to: "/above/x/" },
  { isRefused: true, name: "below a file", paths: ["a.txt"], to: "/etc/passwd/x" },
  { isRefused: true, name: "a directory onto a file", paths: ["dir"], to: "/etc/passwd" },
  { name: "a file over a file", paths: ["a.txt"], to: "/etc/passwd" },
  { isRefused: true, name: "a file over a directory", paths: ["file-for-dir"], to: "/" },
  { name: "chown by numbers", paths: ["dir"], to: "/x/y", chown: "12:34" },
  { name: "chown by one number", paths: ["dir", "a.txt"], to: "/x/y/", chown: "12" },
  { name: "chown by names", paths: ["dir"], to: "/x/", chown: "alice:staff" },
  { name: "chown by a user's name", paths: ["links"], to: "/x/", chown: "alice" },
  { name: "chown into what is there", paths: ["dir"], to: "/opt/kept", chown: "7:8" },
  { name: "chmod octal", paths: ["dir", "a.txt"], to: "/x/y/", chmod: "640" },
  { name: "chmod with the upper bits", paths: ["dir"], to: "/x/y", chmod: "4751" },
  { name: "chmod symbolic", paths: ["dir", "run.sh"], to: "/x/", chmod: "u=rwX,go-w,g+s" },
  { name: "chmod X", paths: ["dir", "run.sh", "a.txt"], to: "/x/", chmod: "a=rX" },
  { name: "chmod copies a class", paths: ["run.sh", "private"], to: "/x/", chmod: "g=u,o=g-w,+t" },
  { isRefused: true, name: "chmod that is none", paths: ["a.txt"], to: "/x/", chmod: "u+q" },
  { name: "link", paths: ["dir"], to: "/x/", link: true },
  { name: "link does not follow the stage", paths: ["a.txt"], to: "/lib/a.txt", link: true },
  { name: "link with chmod does", paths: ["a.txt"], to: "/lib/a.txt", link: true, chmod: "600" },
  { name: "link with an owner", paths: ["a.txt"], to: "/x/y/", link: true, chown: "5:6" },
  { name: "another stage keeps owners", from: "src", paths: ["/owned"], to: "/x/" },
  { name: "another stage through its links", from: "src", paths: ["/up/data/f"], to: "/x/" },
  { name: "another stage's link that is named", from: "src", paths: ["/to-f", "/to-data"], to: "/x/" },
  { name: "another stage as a whole", from: "src", base: "scratch", paths: ["/"], to: "/" },
  {
    name: "another stage with owner and mode",
    from: "src",
    paths: ["/owned"],
    to: "/x/",
    chown: "1:2",
    chmod: "go=",
  },
  { name: "another stage's devices and pipes", from: "src", paths: ["/special"], to: "/x/" },
  { name: "another stage's extended attributes", from: "src", paths: ["/attributes"], to: "/x/" },
  { name: "a heredoc", heredoc: { name: "greeting.txt", content: "hello\nworld\n" }, to: "/x/" },
  {
    name: "a heredoc to a name",
    heredoc: { name: "EOF", content: "hi\n" },
    to: "/x/y",
    chmod: "755",
    chown: "3",
  },
  { name: "add unpacks a plain tar", isAdd: true, paths: ["plain.tar"], to: "/x/" },
  { name: "add unpacks gzip by content", isAdd: true, paths: ["gzip.bin"], to: "/x" },
  { name: "add unpacks bzip2", isAdd: true, paths: ["pack.tar.bz2"], to: "/x/" },
  { name: "add unpacks xz", isAdd: true, paths: ["pack.tar.xz"], to: "/x/" },
  { name: "add unpacks zstd", isAdd: true, paths: ["pack.tar.zst"], to: "/x/" },
  {
    name: "add with an owner and a mode",
    isAdd: true,
    paths: ["plain.tar"],
    to: "/x/",
    chown: "9:9",
    chmod: "600",
  },
  { name: "add copies what is no archive", isAdd: true, paths: ["a.txt", "empty.tar", "dir"], to: "/x/" },
  { name: "add copies broken gzip", isAdd: true, paths: ["broken.gz"], to: "/x/" },
  { name: "add replaces what is there", isAdd: true, paths: ["replace.tar"], to: "/" },
  { name: "add has its own root", isAdd: true, paths: ["through.tar"], to: "/opt" },
  { name: "add does not unpack when told", isAdd: true, paths: ["plain.tar"], to: "/x/", unpack: false },
  { name: "add of a URL into a directory", isAdd: true, http: { path: "/files/data.txt?v=1" }, to: "/x/" },
  {
    name: "add of a URL to a name",
    isAdd: true,
    http: { path: "/files/data.txt" },
    to: "/x/y",
    chmod: "644",
    chown: "2",
  },
  { name: "add of a URL without a name", isAdd: true, http: { path: "/" }, to: "/x/" },
  { name: "add of a URL does not unpack", isAdd: true, http: { path: "/plain.tar" }, to: "/x/" },
  {
    name: "add of a URL unpacks when told",
    isAdd: true,
    http: { path: "/plain.tar" },
    to: "/x/",
    unpack: true,
  },
  {
    isRefused: true,
    name: "add of a URL with a wrong checksum",
    isAdd: true,
    http: { path: "/files/data.txt", checksum: `sha256:${"0".repeat(64)}` },
    to: "/x/",
  },
  { name: "add of a repository", isAdd: true, git: {}, to: "/x/" },
  { name: "add of a branch", isAdd: true, git: { ref: "other" }, to: "/x" },
  { name: "add of a tag's directory", isAdd: true, git: { ref: "v1", subdirectory: "sub" }, to: "/opt/" },
  {
    isRefused: true,
    name: "add of a directory that is not there",
    isAdd: true,
    git: { subdirectory: "nope" },
    to: "/x",
  },
  { isRefused: true, name: "add of a branch that is not there", isAdd: true, git: { ref: "nope" }, to: "/x" },
  {
    isRefused: true,
    name: "add of another commit than stated",
    isAdd: true,
    git: { ref: "v1", checksum: "0000000" },
    to: "/x",
  },
  { name: "a file into a directory that hands its group on", paths: ["a.txt"], to: "/sgid/new/" },
  { name: "a directory into one that hands its group on", paths: ["dir"], to: "/sgid/" },
  {
    name: "an archive into a directory that hands its group on",
    isAdd: true,
    paths: ["plain.tar"],
    to: "/sgid/x/",
  },
  {
    name: "the context over the root",
    paths: ["."],
    to: "/",
    exclude: ["file-for-dir", "overdir", "outside"],
  },
  { isRefused: true, name: "parents of the whole context", paths: ["."], to: "/x/", parents: true },
  { name: "parents to what is no directory", paths: ["dir/one.md"], to: "/x", parents: true },
  { isRefused: true, name: "parents through a link", paths: ["to-dir/one.md"], to: "/x/", parents: true },
  { name: "parents from a pivot with a wildcard", paths: ["d*/./sub"], to: "/x/", parents: true },
  { name: "parents from a pivot with two stars", paths: ["./**/*.md"], to: "/x/", parents: true },
  { name: "parents with an owner", paths: ["dir/sub/deep.md"], to: "/x/", parents: true, chown: "4:5" },
  { name: "parents of another stage", from: "src", paths: ["/owned/file"], to: "/x/", parents: true },
  { name: "a wildcard to what is no directory", paths: ["[ar]*.*"], to: "/x" },
  { name: "a class that is negated", paths: ["[^a]*.md", "dir/[^o]*"], to: "/x/" },
  { name: "a dot at the end", paths: ["dir/."], to: "/x/." },
  { name: "exclude with an exception that comes first", paths: ["dir"], to: "/x/", exclude: ["!sub", "sub"] },
  {
    name: "exclude of a directory alone",
    paths: ["."],
    base: "scratch",
    to: "/x/",
    exclude: ["dir/sub", "outside"],
  },
  {
    name: "exclude in another stage",
    from: "src",
    paths: ["/"],
    to: "/x/",
    exclude: ["owned/*", "special", "!owned/link"],
  },
  { name: "exclude with a slash at the end", paths: ["dir"], to: "/x/", exclude: ["sub/"] },
  { name: "several archives by a wildcard", isAdd: true, paths: ["pl*.tar", "through*"], to: "/x/" },
  { name: "an archive through a link", isAdd: true, paths: ["plain.tar"], to: "/lib/x" },
  { name: "an archive by a link", isAdd: true, paths: ["to-tar"], to: "/x/" },
  {
    name: "an archive with an owner by name",
    isAdd: true,
    paths: ["plain.tar"],
    to: "/x/",
    chown: "alice:staff",
  },
  { name: "an archive onto a file", isAdd: true, paths: ["plain.tar"], to: "/etc/passwd", isRefused: true },
  { name: "an archive over scratch", isAdd: true, base: "scratch", paths: ["base.tar"], to: "/" },
  { name: "link into a directory with another mode", paths: ["a.txt"], to: "/tmp/a.txt", link: true },
  { name: "link into a directory of another owner", paths: ["dir"], to: "/opt/kept", link: true },
  { name: "link over a directory of the source's", paths: ["nested"], to: "/", link: true },
  { name: "link of an archive", isAdd: true, paths: ["plain.tar"], to: "/opt", link: true },
  { name: "link over a file", paths: ["a.txt"], to: "/etc/passwd", link: true },
  { name: "link over a link to a file", paths: ["a.txt"], to: "/link-to-file", link: true },
  {
    name: "a file in a directory of links",
    from: "src",
    paths: ["/up/up/owned/link", "/up/data/"],
    to: "/x/",
    isRefused: true,
  },
  {
    name: "hard links of another stage apart",
    from: "src",
    paths: ["/owned/first", "/owned/second"],
    to: "/x/",
  },
  { name: "chmod of links and special files", from: "src", paths: ["/"], to: "/x/", chmod: "a=r,u+w" },
  { name: "names outside of ASCII", paths: ["größe"], to: "/ä/" },
];
