import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { root as checkout } from "../../scripts/paths.ts";

const writer = fileURLToPath(new URL("./record-writer.ts", import.meta.url));
const endings = ["close", "exit", "hang", "thread"] as const;

/** Opens the database apart from the store's code, reads, and ends without closing it; some while others write. */
const stranger = `
const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
const database = new DatabaseSync(process.argv[1]);
globalThis.kept = database.prepare("SELECT count(*) AS count FROM record");
globalThis.kept.get();
setTimeout(() => process.exit(0), Number(process.argv[2]));
`;

const reader = `
const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
const database = new DatabaseSync(process.argv[1]);
for (const row of database.prepare("SELECT key FROM record WHERE kind = 'stress'").iterate()) console.log(row.key);
const bad = database.prepare("PRAGMA integrity_check").get().integrity_check;
if (bad !== "ok") console.log("integrity: " + bad);
if (process.argv[2] === "close") database.close();
`;

export type StressOptions = {
  readonly rounds: number;
  /** Processes at once in a round. */
  readonly width: number;
  /** From 0 to 1; the same numbers, the same endings and moments. */
  readonly random: () => number;
};

/**
 * Rounds of short processes that write records and end in every way there is, with strangers at the same file.
 * After each round a fresh process looks.
 * @returns what was put (`put` had returned) and is not there any more
 */
export async function lostRecords(store: string, options: StressOptions): Promise<string[]> {
  const database = join(store, "records-v1.sqlite");
  const told = new Set<string>();
  const { random } = options;
  for (let round = 0; round < options.rounds; round++) {
    const writers = Array.from({ length: options.width }, async (_, at) => {
      const ending = endings[Math.floor(random() * endings.length)] ?? "close";
      const count = 1 + Math.floor(random() * 12);
      const killAfterMs = ending === "hang" ? 60 + random() * 240 : undefined;
      const name = `${round}.${at}`;
      const out = await output([writer, store, name, String(count), ending], killAfterMs);
      for (const line of out.split("\n").slice(0, -1)) told.add(line);
    });
    // The table is there only after the first writer.
    const strangers =
      round > 0 && random() < 0.5
        ? [output(["-e", stranger, database, String(Math.floor(random() * 400))])]
        : [];
    await Promise.all([...writers, ...strangers]);
    const found = new Set(
      (await output(["-e", reader, database, random() < 0.5 ? "close" : ""])).split("\n"),
    );
    const lost = [...told].filter((key) => !found.has(key));
    lost.push(...[...found].filter((line) => line.startsWith("integrity")));
    if (lost.length > 0) return lost.map((key) => `round ${round}: ${key}`);
  }
  if (told.size < options.rounds) throw new Error(`only ${told.size} records were written`);
  return [];
}

async function output(args: readonly string[], killAfterMs?: number): Promise<string> {
  const child = spawn(join(checkout, "node_modules", ".bin", "node"), args, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const ended = new Promise((resolve, reject) => child.on("close", resolve).on("error", reject));
  if (killAfterMs !== undefined) {
    await sleep(killAfterMs);
    child.kill("SIGKILL");
  }
  await ended;
  return text;
}

/** Numbers from 0 to 1 that a seed decides (xorshift32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
