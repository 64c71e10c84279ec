import { usageError } from "../../../errors.ts";
import type { UserOp } from "../../../graph/definition.ts";
import type { Account, Group } from "../../../image/accounts.ts";
import { CONSTANT_MTIME } from "../../../layer/entry.ts";

/** Last password change in days: the day of our constant time, since 0 would mean that it must be changed (shadow(5)). */
const CHANGED_DAY = CONSTANT_MTIME / 86_400;
/** First uid of ordinary users (Debian Policy §9.2.2). */
const FIRST_UID = 1000;

/** Accounts and groups as they are, to which users are added. */
export type AccountBook = { readonly people: Account[]; readonly groups: Group[] };

export type AddedUser = { readonly account: Account; readonly group?: Group };

/**
 * Adds a user with a group of the same name and number to a book; undefined when it has that very one already.
 * @throws CambiumError `USER_INVALID` (exit code 2) for names, numbers and homes that passwd cannot hold or that are taken.
 */
export function addUser(
  user: UserOp,
  { people, groups }: AccountBook,
  defaultShell: string,
): AddedUser | undefined {
  const account = accountOf(user, people, defaultShell);
  if (account === undefined) return undefined;
  people.push(account);
  if (groups.some((group) => group.gid === account.gid)) return { account };
  if (groups.some((group) => group.name === account.name)) {
    throw invalid(user, `the group ${account.name} exists with another number; give gid`);
  }
  const group = { name: account.name, gid: account.gid, members: [] };
  groups.push(group);
  return { account, group };
}

/** A home as a path of the image; undefined for one that is not to be made. */
export function homePath({ home }: Account): string | undefined {
  const path = home
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
  return path === "" || path === "nonexistent" ? undefined : path;
}

/** Lines of passwd; the passwords are in shadow. */
export function passwdLines(people: readonly Account[]): string {
  return lines(people.map((a) => [a.name, "x", a.uid, a.gid, a.comment, a.home, a.shell]));
}

export function groupLines(groups: readonly Group[]): string {
  return lines(groups.map((g) => [g.name, "x", g.gid, g.members.join(",")]));
}

/** `password`: `!` locks what useradd makes, `*` what was never meant to log in (shadow(5)). */
export function shadowLines(people: readonly Account[], password: (name: string) => string): string {
  return lines(people.map(({ name }) => [name, password(name), CHANGED_DAY, 0, 99_999, 7, "", "", ""]));
}

export function gshadowLines(groups: readonly Group[], password: (name: string) => string): string {
  return lines(groups.map(({ name, members }) => [name, password(name), "", members.join(",")]));
}

function lines(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.join(":")}\n`).join("");
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

function invalid(user: UserOp, reason: string): Error {
  return usageError(
    "USER_INVALID",
    `user ${JSON.stringify(user.name)}: ${reason}`,
    "Change it in the definition.",
  );
}
