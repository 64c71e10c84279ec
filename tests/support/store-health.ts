import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ownerOfTemporary } from "../../src/store/temporary.ts";

/**
 * What is wrong with a store that nobody uses right now, recomputed from its files alone: blobs that are not what
 * their name says, a damaged database, leftovers of processes that ended by themselves.
 */
export function illnessesOf(store: string, options: { readonly wasKilled?: boolean } = {}): string[] {
  const found: string[] = [];
  const blobs = join(store, "blobs-v1", "sha256");
  for (const entry of readdirSync(blobs, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const digest = createHash("sha256").update(readFileSync(path)).digest("hex");
    if (digest !== entry.name) found.push(`blob ${entry.name} has the digest ${digest}`);
  }
  found.push(...illnessesOfRecords(join(store, "records-v1.sqlite")));
  const temporaries = join(store, "tmp");
  for (const name of existsSync(temporaries) ? readdirSync(temporaries) : []) {
    if (options.wasKilled === true && ownerOfTemporary(name) !== undefined) continue;
    found.push(`left in tmp: ${name}`);
  }
  for (const name of readdirSync(store)) if (name.includes(".corrupt-")) found.push(`set aside: ${name}`);
  return found;
}

/** On a copy: a test's own process must not be another opener of the file. */
function illnessesOfRecords(path: string): string[] {
  if (!existsSync(path)) return [];
  const folder = mkdtempSync(join(tmpdir(), "cambium-records-"));
  try {
    for (const suffix of ["", "-wal"]) {
      if (existsSync(`${path}${suffix}`)) copyFileSync(`${path}${suffix}`, join(folder, `copy${suffix}`));
    }
    const database = new DatabaseSync(join(folder, "copy"));
    const rows = database.prepare("PRAGMA integrity_check").all();
    database.close();
    return rows.map((row) => String(Object.values(row)[0])).filter((text) => text !== "ok");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
