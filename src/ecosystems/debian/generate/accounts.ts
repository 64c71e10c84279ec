import type { UserOp } from "../../../graph/definition.ts";
import { type Account, parseAccounts, parseGroups } from "../../../image/accounts.ts";
import type { SourceEntry } from "../../../layer/files.ts";
import type { Tree } from "../tree.ts";
import { addUser, groupLines, gshadowLines, homePath, passwdLines, shadowLines } from "./account.ts";
import { directory, file } from "./entries.ts";

const GID_SHADOW = 42;

/**
 * passwd, group, shadow, gshadow, subuid, subgid: base-passwd's master lists with shadowed passwords, as its preinst
 * and `shadowconfig on` leave them, and the given users with a group and a home of their own.
 * @throws CambiumError as `addUser`.
 */
export function accounts(tree: Tree, users: readonly UserOp[]): SourceEntry[] {
  const people = parseAccounts(masterOf(tree, "passwd"));
  const groups = parseGroups(masterOf(tree, "group"));
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
  const password = (name: string): string => (added.has(name) ? "!" : "*");
  const secret = { mode: 0o640, gid: GID_SHADOW };
  return [
    file("etc/passwd", passwdLines(people)),
    file("etc/group", groupLines(groups)),
    file("etc/shadow", shadowLines(people, password), secret),
    file("etc/gshadow", gshadowLines(groups, password), secret),
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

function masterOf(tree: Tree, name: string): string {
  return Buffer.from(tree.read(`usr/share/base-passwd/${name}.master`) ?? []).toString("utf8");
}
