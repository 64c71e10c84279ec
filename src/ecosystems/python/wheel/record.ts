import { hash } from "node:crypto";
import { CambiumError } from "../../../errors.ts";
import { comparePaths } from "../../../layer/entry.ts";

/** A row of RECORD (packaging.python.org, recording installed projects). `digest` and `size` as text, maybe empty. */
export type RecordRow = { readonly path: string; readonly digest: string; readonly size: string };

/**
 * Reads a RECORD as Python's csv module does with its default dialect. Blank lines are passed over.
 * @throws CambiumError `WHEEL_RECORD` for what is no such file.
 */
export function parseRecord(text: string, where: string): RecordRow[] {
  const wrong = (what: string) =>
    new CambiumError("WHEEL_RECORD", `${where}: ${what}`, {
      hint: "Its RECORD is damaged; have the wheel built anew by its project.",
    });
  const rows: RecordRow[] = [];
  for (const fields of csvRows(text)) {
    if (fields === undefined) throw wrong("a quoted field does not end");
    if (fields.length === 1 && fields[0] === "") continue;
    // More than three fields are cut off, as pip does.
    const [path, digest = "", size = ""] = fields;
    rows.push({ path: path!, digest, size });
  }
  return rows;
}

/** Fields per row; `undefined` at the end stands for a quote that was never closed. */
function* csvRows(text: string): Generator<string[] | undefined> {
  let fields: string[] = [];
  let field = "";
  let at = 0;
  const end = text.length;
  while (at < end) {
    if (text[at] === '"' && field === "") {
      let from = at + 1;
      for (;;) {
        const quote = text.indexOf('"', from);
        if (quote < 0) return yield undefined;
        field += text.slice(from, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        field += '"';
        from = at + 1;
      }
      // What follows a closing quote belongs to the field; only rows that no tool writes have it.
    }
    const stop = nextStop(text, at);
    field += text.slice(at, stop);
    fields.push(field);
    field = "";
    at = stop;
    if (text[at] === ",") {
      at++;
      if (at === end || isLineEnd(text, at)) {
        fields.push("");
        yield fields;
        fields = [];
        at = afterLineEnd(text, at);
      }
      continue;
    }
    yield fields;
    fields = [];
    at = afterLineEnd(text, at);
  }
}

function nextStop(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== "," && !isLineEnd(text, at)) at++;
  return at;
}

function isLineEnd(text: string, at: number): boolean {
  return text[at] === "\n" || text[at] === "\r";
}

function afterLineEnd(text: string, at: number): number {
  if (text[at] === "\r" && text[at + 1] === "\n") return at + 2;
  return at < text.length ? at + 1 : at;
}

/**
 * Writes rows as pip 26.3 does: sorted by path, digest, size (each by code points), CRLF line ends, quotes only where
 * a field needs them.
 */
export function formatRecord(rows: readonly RecordRow[]): string {
  const sorted = [...rows].sort(
    (a, b) =>
      comparePaths(a.path, b.path) || comparePaths(a.digest, b.digest) || comparePaths(a.size, b.size),
  );
  return sorted.map((row) => `${quoted(row.path)},${quoted(row.digest)},${quoted(row.size)}\r\n`).join("");
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** The row of content at hand: sha256 as URL-safe base64 without padding. */
export function recordRow(path: string, content: Uint8Array): RecordRow {
  return { path, digest: `sha256=${hash("sha256", content, "base64url")}`, size: String(content.length) };
}

/** What an installation did, in the terms of the wheel's RECORD. */
export type Installed = {
  /** Member name → path that RECORD gets, in order of installation. */
  readonly members: ReadonlyMap<string, string>;
  /** Of rewritten members: path that RECORD gets → new row. */
  readonly changed: ReadonlyMap<string, RecordRow>;
  /** Files made by the installer. */
  readonly generated: readonly RecordRow[];
};

/**
 * The rows of the installed RECORD, as pip 26.3 derives them: the wheel's rows with their paths mapped, digests taken
 * over unless a file was rewritten; then what was generated; then members that the wheel's RECORD does not name, without
 * digest (its own signatures, say).
 */
export function installedRows(wheelRows: readonly RecordRow[], installed: Installed): RecordRow[] {
  const unnamed = new Map(installed.members);
  const rows: RecordRow[] = [];
  for (const row of wheelRows) {
    const path = unnamed.get(row.path) ?? row.path;
    unnamed.delete(row.path);
    rows.push(installed.changed.get(path) ?? { ...row, path });
  }
  rows.push(...installed.generated);
  for (const path of unnamed.values()) rows.push({ path, digest: "", size: "" });
  return rows;
}
