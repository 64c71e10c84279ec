import { existsSync, lstatSync, readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const FOLDERS = ["blobs-v1", "segments-v1", "listings-v1", "trees-v1"];

/** Makes a store that nobody uses right now one that was used last so many hours earlier. */
export function ageStore(store: string, hours: number): void {
  const ms = hours * 3_600_000;
  for (const folder of FOLDERS) {
    const path = join(store, folder);
    const isTrees = folder === "trees-v1";
    if (!existsSync(path)) continue;
    for (const name of readdirSync(path, { recursive: !isTrees, encoding: "utf8" })) {
      if (isTrees && !name.endsWith(".json")) continue;
      const stat = lstatSync(join(path, name));
      const then = (stat.mtimeMs - ms) / 1000;
      if (stat.isFile()) utimesSync(join(path, name), then, then);
    }
  }
  const database = new DatabaseSync(join(store, "records-v1.sqlite"), { timeout: 10_000 });
  database.prepare("UPDATE record SET used_ms = used_ms - ?").run(ms);
  database.close();
}
