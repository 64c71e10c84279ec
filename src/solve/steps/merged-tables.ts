import { type PackageConflict, uniteStatus } from "../../ecosystems/debian/merge-status.ts";
import type { ImageEntry, ImageTree } from "../../image/image-tree.ts";
import type { LayerChanges } from "../../image/layer-changes.ts";
import {
  ACCOUNT_TABLES,
  type AccountTexts,
  type AccountWarning,
  mergeAccounts,
} from "../../image/merge-accounts.ts";
import { isEqualEntry } from "../../image/tree-difference.ts";
import { digestOf } from "../../layer/digest.ts";
import type { Platform } from "../../platform.ts";

const STATUS = "var/lib/dpkg/status";

/** Files that two trees have and that are merged by entry. */
export type MergedTables = {
  /** By path: what is to stand there. */
  readonly entries: ReadonlyMap<string, ImageEntry>;
  readonly texts: ReadonlyMap<string, string>;
  readonly accountWarnings: readonly AccountWarning[];
  readonly packages: readonly PackageConflict[];
};

/** The trees that meet, and whose they are. */
export type Meeting = {
  readonly below: ImageTree;
  /** With the layers that it was made on, and those alone. */
  readonly added: ImageTree;
  readonly over: ImageTree;
  readonly changes: LayerChanges;
  readonly names: { readonly below: string; readonly added: string };
};

/**
 * Accounts and dpkg's status database of two trees by entry, where the added one states them. A file keeps the mode and
 * owner it has below, unless the added tree changed them against what it was made on.
 * @throws CambiumError `ACCOUNT_CONFLICT`, `DEBIAN_CONTROL_SYNTAX`.
 */
export function mergedTables(meeting: Meeting, architecture: Platform["architecture"]): MergedTables {
  const { names } = meeting;
  const accounts = mergeAccounts({
    below: textsOf(meeting, meeting.below),
    added: textsOf(meeting, meeting.added),
    over: textsOf(meeting, meeting.over),
    names,
  });
  const texts = new Map<string, string>();
  for (const table of ACCOUNT_TABLES) {
    const text = accounts.texts[table];
    if (text !== undefined && isMet(meeting, `etc/${table}`)) texts.set(`etc/${table}`, text);
  }
  let packages: readonly PackageConflict[] = [];
  if (isMet(meeting, STATUS)) {
    const [below, added] = [meeting.below.text(STATUS), meeting.added.text(STATUS)];
    const over = meeting.over.text(STATUS) ?? "";
    if (below !== undefined && added !== undefined) {
      const where = `${names.below} and ${names.added}`;
      const { text, conflicts } = uniteStatus({ below, added, over }, architecture, where);
      texts.set(STATUS, text);
      packages = conflicts;
    }
  }
  const entries = new Map([...texts].map(([path, text]) => [path, entryOf(meeting, path, text)]));
  return { entries, texts, accountWarnings: accounts.warnings, packages };
}

function textsOf(meeting: Meeting, tree: ImageTree): AccountTexts {
  const found: Partial<Record<(typeof ACCOUNT_TABLES)[number], string>> = {};
  for (const table of ACCOUNT_TABLES) {
    const text = isMet(meeting, `etc/${table}`) ? tree.text(`etc/${table}`) : undefined;
    if (text !== undefined) found[table] = text;
  }
  return found;
}

/** Whether both have a file there whose content is known, and the added one says something of it. */
function isMet({ below, added, changes }: Meeting, path: string): boolean {
  const isFile = (tree: ImageTree) => {
    const entry = tree.entry(path);
    return entry?.type === "file" && entry.path === path && tree.text(path) !== undefined;
  };
  return changes.stated.has(path) && isFile(below) && isFile(added);
}

function entryOf({ below, added, over }: Meeting, path: string, text: string): ImageEntry {
  const bytes = Buffer.from(text, "utf8");
  const content = { size: bytes.length, digest: digestOf(bytes) };
  const [here, there, before] = [below.entry(path)!, added.entry(path)!, over.entry(path)];
  const as = (entry: ImageEntry): ImageEntry => ({ ...entry, type: "file", ...content });
  return before !== undefined && !isEqualEntry(as(before), as(there)) ? as(there) : as(here);
}
