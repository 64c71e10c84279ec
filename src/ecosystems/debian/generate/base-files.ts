import type { SourceEntry } from "../../../layer/files.ts";
import type { Tree } from "../tree.ts";
import { directory, file, symlink } from "./entries.ts";

const GID_MAIL = 8;
const GID_UTMP = 43;

/** Copies of defaults that stay the administrator's: source below /usr/share/base-files, destination. */
const DEFAULTS = [
  ["dot.profile", "root/.profile"],
  ["dot.bashrc", "root/.bashrc"],
  ["profile", "etc/profile"],
  ["motd", "etc/motd"],
] as const;

const LOCAL = ["bin", "etc", "games", "include", "lib", "sbin", "share", "share/man", "src"];

/** What base-files' postinst makes on first installation. Trixie's also makes `/usr/local/libexec`. */
export function baseFiles(tree: Tree): SourceEntry[] {
  if (tree.resolve("usr/share/base-files") === undefined) return [];
  const entries: SourceEntry[] = [
    ...["mnt", "srv", "opt", "etc/opt", "var/opt", "media"].map((path) => directory(path)),
    directory("var/mail", { mode: 0o2775, gid: GID_MAIL }),
    symlink("var/spool/mail", "../mail"),
    directory("run/lock", { mode: 0o1777 }),
    symlink("var/run", "/run"),
    symlink("var/lock", "/run/lock"),
    directory("usr/local"),
    ...LOCAL.map((name) => directory(`usr/local/${name}`)),
    symlink("usr/local/man", "share/man"),
    file("var/log/wtmp", "", { mode: 0o664, gid: GID_UTMP }),
    file("var/log/btmp", "", { mode: 0o660, gid: GID_UTMP }),
    file("var/log/lastlog", "", { mode: 0o664, gid: GID_UTMP }),
  ];
  // The one sign of base-files 13 that its postinst goes by: the suite ships the merged links itself.
  if (tree.entry("bin")?.type === "symlink") entries.push(directory("usr/local/libexec"));
  for (const [name, path] of DEFAULTS) {
    const content = tree.read(`usr/share/base-files/${name}`);
    if (content !== undefined) entries.push(file(path, content));
  }
  if (tree.entry("etc/dpkg/origins/debian") !== undefined) {
    entries.push(symlink("etc/dpkg/origins/default", "debian"));
  }
  const info = tree.read("usr/share/base-files/info.dir");
  if (info !== undefined && tree.resolve("usr/share/info") !== undefined) {
    entries.push(file("usr/share/info/dir", info));
  }
  return entries;
}
