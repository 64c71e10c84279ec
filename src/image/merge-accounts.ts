import { CambiumError } from "../errors.ts";
import { membersOf, parseAccounts, parseGroups } from "./accounts.ts";

/** The four tables of accounts; absent: the tree has no such file. */
export const ACCOUNT_TABLES = ["passwd", "group", "shadow", "gshadow"] as const;
export type AccountTable = (typeof ACCOUNT_TABLES)[number];
export type AccountTexts = Readonly<Partial<Record<AccountTable, string>>>;

export type AccountMerge = {
  /** What is laid over what, and what the former was made from: nothing of that counts as its own. */
  readonly below: AccountTexts;
  readonly added: AccountTexts;
  readonly over: AccountTexts;
  /** Whose `below` and `added` are, for messages. */
  readonly names: { readonly below: string; readonly added: string };
};

export type AccountWarning = { readonly code: "MERGE_ACCOUNTS"; readonly message: string };
export type MergedAccounts = { readonly texts: AccountTexts; readonly warnings: readonly AccountWarning[] };

type Row = { readonly name: string; readonly line: string };

/**
 * Unites accounts by entry: lines of `below` stay where they are, new ones follow; members of a group are united; what
 * `added` took away of `over` is taken away, if nobody changed it since. Of an entry that differs in its home, shell or
 * password the added one is taken, with a warning that never shows a password; so is one number under two names.
 * @throws CambiumError `ACCOUNT_CONFLICT`: one name with two uids or gids. Files of both are on the disk, so either
 *   choice would give some of them to another.
 */
export function mergeAccounts({ below, added, over, names }: AccountMerge): MergedAccounts {
  const texts: Partial<Record<AccountTable, string>> = {};
  const warnings: AccountWarning[] = [];
  for (const table of ACCOUNT_TABLES) {
    const [ours, theirs] = [below[table], added[table]];
    if (ours === undefined || theirs === undefined) {
      const only = ours ?? theirs;
      if (only !== undefined) texts[table] = only;
      continue;
    }
    const tables = { ours, theirs, before: over[table] ?? "" };
    texts[table] = mergedTable(table, tables, names, warnings);
  }
  return { texts, warnings };
}

function mergedTable(
  table: AccountTable,
  { ours, theirs, before }: { readonly ours: string; readonly theirs: string; readonly before: string },
  names: AccountMerge["names"],
  warnings: AccountWarning[],
): string {
  const known = byName(rowsOf(before));
  const wanted = byName(rowsOf(theirs));
  const lines: string[] = [];
  const present = new Map<string, string>();
  for (const { name, line } of rowsOf(ours)) {
    const original = known.get(name);
    const next = wanted.get(name);
    if (name === "" || present.has(name)) {
      lines.push(line);
      continue;
    }
    // Taken away, and as it was when that was decided.
    if (original !== undefined && next === undefined && original === line) continue;
    const isNews = next !== undefined && next !== original && next !== line;
    if (next !== undefined && !isNews) noteOtherId(table, name, line, next, names, warnings);
    const chosen = isNews ? chosenLine(table, name, { line, next, original }, names, warnings) : line;
    present.set(name, chosen);
    lines.push(chosen);
  }
  for (const [name, line] of wanted) {
    if (present.has(name) || known.get(name) === line) continue;
    noteSharedId(table, name, { line, wanted, present }, names, warnings);
    present.set(name, line);
    lines.push(line);
  }
  return lines.map((line) => `${line}\n`).join("");
}

type Versions = { readonly line: string; readonly next: string; readonly original: string | undefined };

/** What becomes of an entry that both have, and not the same. */
function chosenLine(
  table: AccountTable,
  name: string,
  { line, next, original }: Versions,
  names: AccountMerge["names"],
  warnings: AccountWarning[],
): string {
  const [was, is] = [idsOf(table, line), idsOf(table, next)];
  // Who changed the numbers on purpose changed them from those that are there.
  const isMeant = original !== undefined && idsOf(table, original) === was;
  if (was !== is && !isMeant) throw conflict(table, name, { was, is }, names);
  const united = unitedMembers(table, { line, next, original });
  if (line !== original && withoutMembers(table, line) !== withoutMembers(table, next)) {
    const what = table === "passwd" ? "another home, shell or comment" : "another entry";
    warnings.push({
      code: "MERGE_ACCOUNTS",
      message: `/etc/${table}: ${name} has ${what} in ${names.added} than in ${names.below}: that of ${names.added} is taken`,
    });
  }
  return united;
}

/** `uid:gid` or `gid` as written; nothing where the table has no numbers. */
function idsOf(table: AccountTable, line: string): string {
  if (table === "passwd") return parseAccounts(line).map(({ uid, gid }) => `${uid}:${gid}`)[0] ?? "";
  if (table === "group") return parseGroups(line).map(({ gid }) => String(gid))[0] ?? "";
  return "";
}

/** The fields of `next`, its lists of names united with those of `line`, less what `next` took off. */
function unitedMembers(table: AccountTable, { line, next, original }: Versions): string {
  const lists = LISTS[table];
  if (lists.length === 0) return next;
  const fields = next.split(":");
  for (const index of lists) {
    const listOf = (text: string | undefined) => membersOf(text?.split(":")[index] ?? "");
    const theirs = listOf(next);
    const before = listOf(original);
    const kept = listOf(line).filter((member) => theirs.includes(member) || !before.includes(member));
    fields[index] = [...new Set([...kept, ...theirs])].join(",");
  }
  return fields.join(":");
}

/** Fields that are lists of names: members, and in gshadow(5) the administrators before them. */
const LISTS: Readonly<Record<AccountTable, readonly number[]>> = {
  passwd: [],
  group: [3],
  shadow: [],
  gshadow: [2, 3],
};

function withoutMembers(table: AccountTable, line: string): string {
  const lists = LISTS[table];
  return line
    .split(":")
    .filter((_, index) => !lists.includes(index))
    .join(":");
}

/** An entry that was not changed, and has another number here than where the changes were made. */
function noteOtherId(
  table: AccountTable,
  name: string,
  line: string,
  next: string,
  names: AccountMerge["names"],
  warnings: AccountWarning[],
): void {
  const [here, there] = [idsOf(table, line), idsOf(table, next)];
  if (here === there) return;
  warnings.push({
    code: "MERGE_ACCOUNTS",
    message: `/etc/${table}: ${name} is ${here} in ${names.below} and was ${there} where ${names.added} was made: its files keep that number`,
  });
}

/** One number for two names is legal (passwd(5)) and seldom meant: each owns the other's files. */
function noteSharedId(
  table: AccountTable,
  name: string,
  found: {
    readonly line: string;
    readonly wanted: ReadonlyMap<string, string>;
    readonly present: ReadonlyMap<string, string>;
  },
  names: AccountMerge["names"],
  warnings: AccountWarning[],
): void {
  const numberOf = (text: string | undefined) => idsOf(table, text ?? "").split(":")[0] ?? "";
  const number = numberOf(found.line);
  if (number === "") return;
  for (const [other, line] of found.present) {
    // Where both come from one tree, it was so there.
    if (numberOf(line) !== number || numberOf(found.wanted.get(other)) === number) continue;
    const kind = table === "passwd" ? "uid" : "gid";
    warnings.push({
      code: "MERGE_ACCOUNTS",
      message: `/etc/${table}: ${kind} ${number} is ${other}'s in ${names.below} and ${name}'s in ${names.added}: each owns the other's files`,
    });
  }
}

function conflict(
  table: AccountTable,
  name: string,
  { was, is }: { readonly was: string; readonly is: string },
  names: AccountMerge["names"],
): CambiumError {
  const [who, kind, flag] =
    table === "passwd" ? ["user", "uid:gid", "useradd --uid"] : ["group", "gid", "groupadd --gid"];
  return new CambiumError(
    "ACCOUNT_CONFLICT",
    `/etc/${table}: ${JSON.stringify(name)} has ${kind} ${was} in ${names.below} and ${is} in ${names.added}`,
    {
      hint: `Their files would change owners. Make the ${who} with the same number in both (${flag}), or in one only.`,
    },
  );
}

/** Lines with their names; those that are no entries have none. */
function rowsOf(text: string): Row[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => {
    const colon = line.indexOf(":");
    return { name: colon === -1 || /^[#+-]/.test(line) ? "" : line.slice(0, colon), line };
  });
}

/** Of lines of one name the first counts, as for who looks a name up. */
function byName(rows: readonly Row[]): Map<string, string> {
  const lines = new Map<string, string>();
  for (const { name, line } of rows) if (name !== "" && !lines.has(name)) lines.set(name, line);
  return lines;
}
