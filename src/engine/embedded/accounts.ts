import { usageError } from "../../errors.ts";
import { type Account, idOf, parseAccounts, parseGroups } from "../../image/accounts.ts";

/** Who a process is inside the image. */
export type ProcessUser = {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** From passwd; `/` for an id without an account. */
  readonly home: string;
};

/**
 * Resolves `user`, `uid`, `user:group` or `uid:gid` (image-spec, config.md, User) with the image's passwd and group:
 * an id needs no account, a name does. A stated group comes alone, without the user's other groups, as in Docker.
 * @throws CambiumError `USER_UNKNOWN`.
 */
export function resolveUser(
  text: string,
  files: { readonly passwd: string; readonly group: string },
): ProcessUser {
  const colon = text.indexOf(":");
  const userPart = (colon === -1 ? text : text.slice(0, colon)) || "0";
  const groupPart = colon === -1 ? "" : text.slice(colon + 1);
  const groups = parseGroups(files.group);
  const account = findAccount(userPart, parseAccounts(files.passwd));
  const uid = account?.uid ?? idOf(userPart);
  if (uid === undefined) throw unknown("user", userPart, "passwd");
  const home = account?.home || "/";
  if (groupPart !== "") {
    const gid = groups.find((group) => group.name === groupPart)?.gid ?? idOf(groupPart);
    if (gid === undefined) throw unknown("group", groupPart, "group");
    return { uid, gid, additionalGids: [], home };
  }
  const gid = account?.gid ?? 0;
  const others = groups.filter((group) => account !== undefined && group.members.includes(account.name));
  const additionalGids = [...new Set(others.map((group) => group.gid))].filter((other) => other !== gid);
  return { uid, gid, additionalGids: additionalGids.sort((a, b) => a - b), home };
}

/** A name goes before an id, as in Docker: there are accounts called `1000`. */
function findAccount(text: string, accounts: readonly Account[]): Account | undefined {
  const uid = idOf(text);
  return (
    accounts.find((account) => account.name === text) ??
    accounts.find((account) => uid !== undefined && account.uid === uid)
  );
}

function unknown(what: string, name: string, file: string): Error {
  return usageError(
    "USER_UNKNOWN",
    `the image has no ${what} ${JSON.stringify(name)} in its /etc/${file}`,
    `Add the ${what} to the definition, or give its number.`,
  );
}
