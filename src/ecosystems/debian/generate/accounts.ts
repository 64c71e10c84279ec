import type { UserOp } from "../../../graph/definition.ts";
import type { SourceEntry } from "../../../layer/files.ts";
import type { Tree } from "../tree.ts";
import { type Account, addUser, CHANGED_DAY, homePath, lines, parseAccount, parseGroup } from "./account.ts";
import { directory, file } from "./entries.ts";

const GID_SHADOW = 42;

/**
 * passwd, group, shadow, gshadow, subuid, subgid: base-passwd's master lists with shadowed passwords, as its preinst
 * and `shadowconfig on` leave them, and the given users with a group and a home of their own.
 * @throws CambiumError as `addUser`.
 */
export function accounts(tree: Tree, users: readonly UserOp[]): SourceEntry[] {
  const people = parseMaster(tree, "passwd").map(parseAccount);
  const groups = parseMaster(tree, "group").map(parseGroup);
  if (people.length === 0 && users.length === 0) return [];
  const homes: SourceEntry[] = [];
  const added = new Set<string>();
  const defaultShell = tree.resolve("bin/sh") === undefined ? "/usr/sbin/nologin" : "/bin/sh";
  for (const user of users) {
    const made = addUser(user, { people, groups }, defaultShell);
    if (made === undefined) continue;
    added.add(made.account.name);
    homes.push(...homeOf(made.account, tree));
  }
  // `!` locks what useradd makes, `*` what was never meant to log in (shadow(5)).
  const password = (name: string): string => (added.has(name) ? "!" : "*");
  return [
    file("etc/passwd", lines(people.map((a) => [a.name, "x", a.uid, a.gid, a.comment, a.home, a.shell]))),
    file("etc/group", lines(groups.map((g) => [g.name, "x", g.gid, g.members]))),
    file(
      "etc/shadow",
      lines(people.map((a) => [a.name, password(a.name), CHANGED_DAY, 0, 99_999, 7, "", "", ""])),
      { mode: 0o640, gid: GID_SHADOW },
    ),
    file("etc/gshadow", lines(groups.map((g) => [g.name, password(g.name), "", g.members])), {
      mode: 0o640,
      gid: GID_SHADOW,
    }),
    file("etc/subuid", ""),
    file("etc/subgid", ""),
    ...homes,
  ];
}

/** The home directory, unless a package has one there already. */
function homeOf(account: Account, tree: Tree): SourceEntry[] {
  const path = homePath(account);
  if (path === undefined || tree.resolve(path) !== undefined) return [];
  return [directory(path, { uid: account.uid, gid: account.gid })];
}

function parseMaster(tree: Tree, name: string): string[][] {
  const bytes = tree.read(`usr/share/base-passwd/${name}.master`);
  if (bytes === undefined) return [];
  return Buffer.from(bytes)
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(":"));
}
