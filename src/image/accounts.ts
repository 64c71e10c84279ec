/** A line of passwd(5), without its password. */
export type Account = {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly comment: string;
  readonly home: string;
  readonly shell: string;
};
/** A line of group(5), without its password. */
export type Group = { readonly name: string; readonly gid: number; readonly members: readonly string[] };

/** All ones means "leave as it is" to chown(2). */
const MAX_ID = 0xfffffffe;

/** `name:password:uid:gid:gecos:home:shell` (passwd(5)); lines that are not so are passed over. */
export function parseAccounts(text: string): Account[] {
  return text.split("\n").flatMap((line) => {
    const [name, , uidText, gidText, comment = "", home = "", shell = ""] = line.split(":");
    const uid = idOf(uidText ?? "");
    const gid = idOf(gidText ?? "");
    if (!name || uid === undefined || gid === undefined) return [];
    return [{ name, uid, gid, comment, home, shell }];
  });
}

/** `name:password:gid:member,member` (group(5)). */
export function parseGroups(text: string): Group[] {
  return text.split("\n").flatMap((line) => {
    const [name, , gidText, members = ""] = line.split(":");
    const gid = idOf(gidText ?? "");
    if (!name || gid === undefined) return [];
    return [{ name, gid, members: membersOf(members) }];
  });
}

/** Names with commas between them. */
export function membersOf(text: string): string[] {
  return text.split(",").filter((member) => member !== "");
}

/** A uid or gid in decimal. */
export function idOf(text: string): number | undefined {
  return /^[0-9]{1,10}$/.test(text) && Number(text) <= MAX_ID ? Number(text) : undefined;
}
