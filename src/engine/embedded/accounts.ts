import { usageError } from "../../errors.ts";

/** Who a process is inside the image. */
export type ProcessUser = {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** From passwd; `/` for an id without an account. */
  readonly home: string;
};

type Account = { readonly name: string; readonly uid: number; readonly gid: number; readonly home: string };
type Group = { readonly name: string; readonly gid: number; readonly members: readonly string[] };

const MAX_ID = 0xfffffffe;

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

/** `name:password:uid:gid:gecos:home:shell` (passwd(5)); lines that are not so are passed over. */
function parseAccounts(text: string): Account[] {
  return text.split("\n").flatMap((line) => {
    const [name, , uidText, gidText, , home] = line.split(":");
    const uid = idOf(uidText ?? "");
    const gid = idOf(gidText ?? "");
    if (!name || uid === undefined || gid === undefined) return [];
    return [{ name, uid, gid, home: home ?? "" }];
  });
}

/** `name:password:gid:member,member` (group(5)). */
function parseGroups(text: string): Group[] {
  return text.split("\n").flatMap((line) => {
    const [name, , gidText, members] = line.split(":");
    const gid = idOf(gidText ?? "");
    if (!name || gid === undefined) return [];
    return [{ name, gid, members: (members ?? "").split(",").filter((member) => member !== "") }];
  });
}

function idOf(text: string): number | undefined {
  return /^[0-9]{1,10}$/.test(text) && Number(text) <= MAX_ID ? Number(text) : undefined;
}

function unknown(what: string, name: string, file: string): Error {
  return usageError(
    "USER_UNKNOWN",
    `the image has no ${what} ${JSON.stringify(name)} in its /etc/${file}`,
    `Add the ${what} to the definition, or give its number.`,
  );
}
