import { existsSync, renameSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { messageOf } from "../errors.ts";
import { errnoOf, storeError } from "./io-error.ts";
import { openDatabase, resultCodeOf, SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_NOTADB } from "./sqlite.ts";
import { USED_STEP_MS } from "./used.ts";

/** Something wrong that the store could mend by itself. */
export type StoreWarning = { readonly code: string; readonly message: string; readonly hint?: string };

/** A record as its row has it: `text` is the value's JSON. */
export type RecordRow = {
  readonly kind: string;
  readonly key: string;
  readonly text: string;
  readonly usedMs: number;
};

/** Times are milliseconds since the epoch; `usedMs` is exact to `USED_STEP_MS`. */
export type RecordEntry = {
  readonly key: string;
  readonly value: unknown;
  readonly createdMs: number;
  readonly usedMs: number;
};

type Row = { key: string; value: string; created_ms: number; used_ms: number };

const BUSY_TIMEOUT_MS = 10_000;

const SCHEMA = `
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    created_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
  ) WITHOUT ROWID, STRICT;
`;

const SQL = {
  get: "SELECT key, value, created_ms, used_ms FROM record WHERE kind = ? AND key = ?",
  has: "SELECT 1 FROM record WHERE kind = ? AND key = ?",
  touch: "UPDATE record SET used_ms = ? WHERE kind = ? AND key = ?",
  put:
    "INSERT INTO record (kind, key, value, created_ms, used_ms) VALUES (?, ?, ?, ?, ?) " +
    "ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, used_ms = excluded.used_ms",
  delete: "DELETE FROM record WHERE kind = ? AND key = ?",
  keepLast:
    "DELETE FROM record WHERE kind = ?1 AND key <= " +
    "(SELECT key FROM record WHERE kind = ?1 ORDER BY key DESC LIMIT 1 OFFSET ?2)",
  drop: "DELETE FROM record WHERE kind = ? AND key = ? AND used_ms <= ?",
  since: "SELECT kind, key, value, used_ms FROM record WHERE used_ms >= ?",
  list: "SELECT key, value, created_ms, used_ms FROM record WHERE kind = ? ORDER BY key",
} as const;

/**
 * Small JSON documents by kind and key, shared by processes. All of it can be computed again: a damaged file is set
 * aside with a warning and an empty one takes its place. Opened at first use.
 *
 * A process that has this open must not touch the file, its `-wal` or `-shm` with `node:fs`, not even to copy or hash
 * the store: closing any descriptor of a file frees the process's own fcntl locks on it. SQLite then takes the process
 * for gone, and its later `close` deletes a log with what others have committed since (reproduced: the records go back
 * to before that log).
 */
export class Records {
  readonly #path: string;
  readonly #onWarning: (warning: StoreWarning) => void;
  readonly #now: () => number;
  #database: DatabaseSync | undefined;
  #isInTransaction = false;
  readonly #statements = new Map<keyof typeof SQL, StatementSync>();

  constructor(path: string, onWarning: (warning: StoreWarning) => void, now: () => number) {
    this.#path = path;
    this.#onWarning = onWarning;
    this.#now = now;
  }

  /** The value that was put, or `undefined`. Its shape is for the caller to check. */
  get(kind: string, key: string): unknown {
    return this.#guarded(() => {
      const row = this.#statement("get").get(kind, key) as Row | undefined;
      if (row === undefined) return undefined;
      const value = parse(row.value);
      if (value === undefined) return undefined;
      const now = this.#now();
      // Gone in between: a prune took what it names too.
      if (now - row.used_ms > USED_STEP_MS && !this.#touch(now, kind, key)) return undefined;
      return value;
    });
  }

  has(kind: string, key: string): boolean {
    return this.#guarded(() => this.#statement("has").get(kind, key) !== undefined);
  }

  /** `value` is JSON data. Replaces what was there. @throws CambiumError `DISK_FULL`, `STORE_UNWRITABLE`. */
  put(kind: string, key: string, value: unknown): void {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`not JSON data: record ${kind} ${key}`);
    const now = this.#now();
    this.#guarded(() => this.#statement("put").run(kind, key, text, now, now));
  }

  delete(kind: string, key: string): void {
    this.#guarded(() => this.#statement("delete").run(kind, key));
  }

  /** Deletes all records of a kind but those with the last `count` keys. */
  keepLast(kind: string, count: number): void {
    this.#guarded(() => this.#statement("keepLast").run(kind, count));
  }

  /** All records of a kind, by key. */
  list(kind: string): RecordEntry[] {
    return this.#guarded(() => {
      const entries: RecordEntry[] = [];
      for (const row of this.#statement("list").all(kind) as Row[]) {
        const value = parse(row.value);
        if (value === undefined) continue;
        entries.push({ key: row.key, value, createdMs: row.created_ms, usedMs: row.used_ms });
      }
      return entries;
    });
  }

  /** Every record that was put or used since a time. */
  usedSince(sinceMs: number): RecordRow[] {
    return this.#guarded(() =>
      (this.#statement("since").all(sinceMs) as (Row & { kind: string })[]).map(
        ({ kind, key, value, used_ms: usedMs }) => ({ kind, key, text: value, usedMs }),
      ),
    );
  }

  /** A number that is another one once another process or thread has changed any record. */
  version(): number {
    return this.#guarded(() => {
      const row = this.#opened().prepare("PRAGMA data_version").get() as { data_version: number };
      return row.data_version;
    });
  }

  /** Deletes records unless they were used since they were read. @returns those that were used. */
  deleteUnused<Entry extends Pick<RecordRow, "kind" | "key" | "usedMs">>(rows: readonly Entry[]): Entry[] {
    return this.transaction(() =>
      rows.filter(
        ({ kind, key, usedMs }) =>
          this.#statement("drop").run(kind, key, usedMs).changes === 0 &&
          this.#statement("get").get(kind, key) !== undefined,
      ),
    );
  }

  /** Gives free pages back to the disk where they are a quarter of the file or more, unless somebody is just writing. */
  shrink(): void {
    this.#guarded(() => {
      const database = this.#opened();
      const number = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
      if (Number(number("freelist_count")) * 4 < Number(number("page_count"))) return;
      try {
        database.exec("VACUUM");
      } catch (error) {
        if (resultCodeOf(error) !== SQLITE_BUSY) throw error;
      }
    });
  }

  /** Runs `work` as one transaction: many puts cost one write. `work` is synchronous and may run twice. */
  transaction<T>(work: () => T): T {
    if (this.#isInTransaction) return work();
    return this.#guarded(() => {
      const database = this.#opened();
      database.exec("BEGIN IMMEDIATE");
      this.#isInTransaction = true;
      try {
        const result = work();
        database.exec("COMMIT");
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec("ROLLBACK");
        throw error;
      } finally {
        this.#isInTransaction = false;
      }
    });
  }

  close(): void {
    this.#statements.clear();
    const database = this.#database;
    this.#database = undefined;
    if (database?.isOpen === true) database.close();
  }

  /** Knowing when a record was used is worth no failure: a store that cannot be written can still be read. */
  #touch(now: number, kind: string, key: string): boolean {
    try {
      return this.#statement("touch").run(now, kind, key).changes !== 0;
    } catch (error) {
      if (isDamage(error)) throw error;
      return true;
    }
  }

  #opened(): DatabaseSync {
    if (this.#database !== undefined) return this.#database;
    const database = openDatabase(this.#path, BUSY_TIMEOUT_MS);
    try {
      // Changing the mode needs the whole file for a moment; asking does not.
      const { journal_mode: mode } = database.prepare("PRAGMA journal_mode").get() as {
        journal_mode: string;
      };
      if (mode !== "wal") database.exec("PRAGMA journal_mode = WAL");
      database.exec(SCHEMA);
    } catch (error) {
      database.close();
      throw error;
    }
    this.#database = database;
    return database;
  }

  #statement(name: keyof typeof SQL): StatementSync {
    let statement = this.#statements.get(name);
    if (statement === undefined) {
      statement = this.#opened().prepare(SQL[name]);
      this.#statements.set(name, statement);
    }
    return statement;
  }

  /** Damage: open again first, since another process may have mended the file already; then set it aside. */
  #guarded<T>(work: () => T): T {
    if (this.#isInTransaction) return work();
    for (let attempt = 0; ; attempt++) {
      try {
        return work();
      } catch (error) {
        if (!isDamage(error) || attempt === 2)
          throw resultCodeOf(error) === undefined ? error : storeError(error, this.#path);
        this.close();
        if (attempt === 1) this.#setAside(error);
      }
    }
  }

  #setAside(damage: unknown): void {
    let n = 1;
    while (existsSync(`${this.#path}.corrupt-${n}`)) n++;
    // The log goes first: left beside an empty database, SQLite would replay it.
    for (const suffix of ["-wal", "-shm", ""]) {
      try {
        renameSync(`${this.#path}${suffix}`, `${this.#path}.corrupt-${n}${suffix}`);
      } catch (error) {
        if (errnoOf(error) !== "ENOENT") throw storeError(error, this.#path);
      }
    }
    this.#onWarning({
      code: "RECORDS_CORRUPT",
      message: `the store's records were damaged and begin anew: ${this.#path}: ${messageOf(damage)}`,
      hint: `The old file is ${this.#path}.corrupt-${n}; it can be deleted.`,
    });
  }
}

function isDamage(error: unknown): boolean {
  const code = resultCodeOf(error);
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
