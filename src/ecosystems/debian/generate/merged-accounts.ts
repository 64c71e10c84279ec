import type { UserOp } from "../../../graph/definition.ts";
import { parseAccounts, parseGroups } from "../../../image/accounts.ts";
import type { Entry } from "../../../layer/entry.ts";
import type { SourceEntry } from "../../../layer/files.ts";
import { addUser, groupLines, gshadowLines, homePath, passwdLines, shadowLines } from "./account.ts";
import { directory, file } from "./entries.ts";

/** What of an image the accounts are merged into. */
export interface AccountsBelow {
  text(path: string): string | undefined;
  lookup(path: string): { readonly type: string } | undefined;
}

/**
 * passwd, group, shadow and gshadow of an image with further users: lines that are there stay as they are, and a user
 * that exists with the same numbers is left alone. Files that the image has not are not made.
 * @throws CambiumError as `addUser`: a name or number that the image gives to another is never overwritten.
 */
export function mergedAccounts(below: AccountsBelow, users: readonly UserOp[]): SourceEntry[] {
  const textOf = (path: string) => below.text(path) ?? "";
  const book = { people: parseAccounts(textOf("etc/passwd")), groups: parseGroups(textOf("etc/group")) };
  const defaultShell = below.lookup("bin/sh") === undefined ? "/usr/sbin/nologin" : "/bin/sh";
  const added = users.flatMap((user) => addUser(user, book, defaultShell) ?? []);
  if (added.length === 0) return [];
  const people = added.map(({ account }) => account);
  const groups = added.flatMap(({ group }) => group ?? []);
  const locked = () => "!";
  const appended: readonly (readonly [path: string, more: string])[] = [
    ["etc/passwd", passwdLines(people)],
    ["etc/group", groupLines(groups)],
    ["etc/shadow", shadowLines(people, locked)],
    ["etc/gshadow", gshadowLines(groups, locked)],
  ];
  const homes = people.flatMap((account) => {
    const path = homePath(account);
    const isThere = path === undefined || below.lookup(path) !== undefined;
    return isThere ? [] : [directory(path, { uid: account.uid, gid: account.gid })];
  });
  return [...appended.flatMap(([path, more]) => appendedFile(below, path, more)), ...homes];
}

function appendedFile(below: AccountsBelow, path: string, more: string): SourceEntry[] {
  const before = below.text(path);
  // passwd and group are needed for the user to have a name at all; the shadow files only where they are used.
  if (more === "" || (before === undefined && path.endsWith("shadow"))) return [];
  const entry = below.lookup(path) as Entry | undefined;
  const text =
    before === undefined || before === "" || before.endsWith("\n") ? (before ?? "") : `${before}\n`;
  const { mode = 0o644, uid = 0, gid = 0 } = entry ?? {};
  return [file(path, `${text}${more}`, { mode, uid, gid })];
}
