import type { Owner } from "../context/copy-into.ts";
import { usageError } from "../errors.ts";
import type { UserOp } from "../graph/definition.ts";

/** Accounts of a base by name. */
export type Accounts = ReadonlyMap<string, Owner>;

/** Names that base-passwd of bookworm and trixie fixes: uid and gid (its passwd.master). */
const DEBIAN_ACCOUNTS: Accounts = new Map<string, Owner>(
  Object.entries({
    root: [0, 0],
    daemon: [1, 1],
    bin: [2, 2],
    sys: [3, 3],
    sync: [4, 65534],
    games: [5, 60],
    man: [6, 12],
    lp: [7, 7],
    mail: [8, 8],
    news: [9, 9],
    uucp: [10, 10],
    proxy: [13, 13],
    "www-data": [33, 33],
    backup: [34, 34],
    list: [38, 38],
    irc: [39, 39],
    _apt: [42, 65534],
    nobody: [65534, 65534],
  }).map(([name, [uid = 0, gid = 0]]) => [name, { uid, gid }]),
);
const FIRST_UID = 1000;

/**
 * `user`, `user:group` or numbers as uid and gid, from the definition and the base's accounts alone: files must have
 * their key before any package is there. Without a group it is the user's own.
 * @throws CambiumError `OWNER_UNKNOWN`.
 */
export function resolveOwner(
  owner: string | undefined,
  users: readonly UserOp[],
  where: string,
  base: Accounts = DEBIAN_ACCOUNTS,
): Owner {
  if (owner === undefined) return { uid: 0, gid: 0 };
  const accounts = accountsOf(users, base);
  const [user = "", group] = owner.split(":");
  const account = accounts.get(user);
  const uid = account?.uid ?? numberOf(user);
  const gid = group === undefined ? (account?.gid ?? uid) : (accounts.get(group)?.gid ?? numberOf(group));
  if (uid === undefined || gid === undefined) {
    throw usageError(
      "OWNER_UNKNOWN",
      `${where}: no such ${uid === undefined ? `user: ${user}` : `group: ${group}`}`,
      "Name it under users:, or write numbers.",
    );
  }
  return { uid, gid };
}

/** As the generated passwd will have them: users without a number get the next free one from 1000 on. */
function accountsOf(users: readonly UserOp[], base: Accounts): Map<string, Owner> {
  const accounts = new Map(base);
  for (const { name, uid: wanted, gid } of users) {
    if (accounts.has(name)) continue;
    const taken = new Set([...accounts.values()].map(({ uid }) => uid));
    let uid = wanted ?? FIRST_UID;
    while (wanted === undefined && taken.has(uid)) uid++;
    accounts.set(name, { uid, gid: gid ?? uid });
  }
  return accounts;
}

function numberOf(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
