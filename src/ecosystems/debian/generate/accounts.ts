import { usageError } from "../../../errors.ts";
import type { UserOp } from "../../../graph/definition.ts";
import { CONSTANT_MTIME } from "../../../layer/entry.ts";
import type { SourceEntry } from "../../../layer/files.ts";
import type { Tree } from "../tree.ts";
import { directory, file } from "./entries.ts";

/** A line of passwd(5), without its password. */
type Account = {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly comment: string;
  readonly home: string;
  readonly shell: string;
};
type Group = { readonly name: string; readonly gid: number; readonly members: string };

const GID_SHADOW = 42;
/** Last password change in days: the day of our constant time, since 0 would mean that it must be changed (shadow(5)). */
const CHANGED_DAY = CONSTANT_MTIME / 86_400;
/** First uid of ordinary users (Debian Policy §9.2.2). */
const FIRST_UID = 1000;

/**
 * passwd, group, shadow, gshadow, subuid, subgid: base-passwd's master lists with shadowed passwords, as its preinst
 * and `shadowconfig on` leave them, and the given users with a group and a home of their own.
 * @throws CambiumError `USER_INVALID` (exit code 2) for names, numbers and homes that passwd cannot hold or that are taken.
 */
export function accounts(tree: Tree, users: readonly UserOp[]): SourceEntry[] {
  const people = parseMaster(tree, "passwd").map(parseAccount);
  const groups = parseMaster(tree, "group").map(parseGroup);
  if (people.length === 0 && users.length === 0) return [];
  const homes: SourceEntry[] = [];
  const added = new Set<string>();
  const defaultShell = tree.resolve("bin/sh") === undefined ? "/usr/sbin/nologin" : "/bin/sh";
  for (const user of users) {
    const account = accountOf(user, people, defaultShell);
    if (account === undefined) continue;
    people.push(account);
    added.add(account.name);
    if (!groups.some((group) => group.gid === account.gid)) {
      if (groups.some((group) => group.name === account.name)) {
        throw invalid(user, `the group ${account.name} exists with another number; give gid`);
      }
      groups.push({ name: account.name, gid: account.gid, members: "" });
    }
    homes.push(...homeOf(account, tree));
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

/** The new account of a user; undefined when base-passwd has that very one already. */
function accountOf(user: UserOp, people: readonly Account[], defaultShell: string): Account | undefined {
  // adduser(8)'s default NAME_REGEX, with the underscore that system accounts have.
  if (!/^[a-z_][-a-z0-9_]{0,31}$/.test(user.name)) throw invalid(user, "not a name for an account");
  const existing = people.find((account) => account.name === user.name);
  if (existing !== undefined) {
    const isSame =
      (user.uid === undefined || user.uid === existing.uid) &&
      (user.gid === undefined || user.gid === existing.gid) &&
      (user.home === undefined || user.home === existing.home) &&
      (user.shell === undefined || user.shell === existing.shell);
    if (isSame) return undefined;
    throw invalid(user, `it exists with uid ${existing.uid}, gid ${existing.gid}, home ${existing.home}`);
  }
  const uid = user.uid ?? nextUid(people);
  const taken = people.find((account) => account.uid === uid);
  if (taken !== undefined) throw invalid(user, `uid ${uid} is ${taken.name}'s`);
  const gid = user.gid ?? uid;
  for (const id of [uid, gid]) {
    // 2^32 - 1 means "no change" to chown(2).
    if (!Number.isInteger(id) || id < 0 || id >= 2 ** 32 - 1) throw invalid(user, `not a uid or gid: ${id}`);
  }
  const home = user.home ?? `/home/${user.name}`;
  const shell = user.shell ?? defaultShell;
  for (const path of [home, shell]) {
    if (!path.startsWith("/") || /[:\p{Cc}]/u.test(path) || path.split("/").includes("..")) {
      throw invalid(user, `not an absolute path: ${JSON.stringify(path)}`);
    }
  }
  return { name: user.name, uid, gid, comment: "", home, shell };
}

function nextUid(people: readonly Account[]): number {
  let uid = FIRST_UID;
  while (people.some((account) => account.uid === uid)) uid++;
  return uid;
}

/** The home directory, unless a package has one there already. */
function homeOf(account: Account, tree: Tree): SourceEntry[] {
  const path = account.home
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
  if (path === "" || path === "nonexistent" || tree.resolve(path) !== undefined) return [];
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

function parseAccount([name = "", , uid, gid, comment = "", home = "", shell = ""]: string[]): Account {
  return { name, uid: Number(uid), gid: Number(gid), comment, home, shell };
}

function parseGroup([name = "", , gid, members = ""]: string[]): Group {
  return { name, gid: Number(gid), members };
}

function lines(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.join(":")}\n`).join("");
}

function invalid(user: UserOp, reason: string): Error {
  return usageError(
    "USER_INVALID",
    `user ${JSON.stringify(user.name)}: ${reason}`,
    "Change it in the definition.",
  );
}
