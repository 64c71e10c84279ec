import type { Owner } from "../../context/copy-into.ts";
import { usageError } from "../../errors.ts";
import { idOf, parseAccounts, parseGroups } from "../../image/accounts.ts";

/** passwd(5) and group(5) of a stage; absent where it has none. */
export type AccountFiles = { readonly passwd?: string | undefined; readonly group?: string | undefined };

/**
 * `--chown`: `user[:group]`, numbers as they are, a user's number for the group too where that is not given. Unlike
 * BuildKit, which then takes root, a name that is nowhere is an error.
 * @throws CambiumError `OWNER_UNKNOWN`.
 */
export function chownOwner(text: string, files: AccountFiles, where: string): Owner {
  const colon = text.indexOf(":");
  const user = colon === -1 ? text : text.slice(0, colon);
  const group = colon === -1 ? undefined : text.slice(colon + 1);
  const owner = ownerOf(user, files, where);
  if (group === undefined) return owner;
  return { uid: owner.uid, gid: groupOf(group, files, where) };
}

function ownerOf(user: string, files: AccountFiles, where: string): Owner {
  if (user === "" || user === "root") return { uid: 0, gid: 0 };
  const id = idOf(user);
  if (id !== undefined) return { uid: id, gid: id };
  const account = parseAccounts(files.passwd ?? "").find(({ name }) => name === user);
  if (account === undefined) throw unknown("user", user, "passwd", where);
  return { uid: account.uid, gid: account.gid };
}

function groupOf(group: string, files: AccountFiles, where: string): number {
  if (group === "" || group === "root") return 0;
  const gid = idOf(group) ?? parseGroups(files.group ?? "").find(({ name }) => name === group)?.gid;
  if (gid === undefined) throw unknown("group", group, "group", where);
  return gid;
}

function unknown(what: string, name: string, file: string, where: string): Error {
  return usageError(
    "OWNER_UNKNOWN",
    `${where}: the stage has no ${what} ${JSON.stringify(name)} in its /etc/${file}`,
    `Make the ${what} in a RUN before, or write its number.`,
  );
}
