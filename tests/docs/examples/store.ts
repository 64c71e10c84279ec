import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { lockPath } from "../../../src/store/lock.ts";
import { openStore } from "../../../src/store/store.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { columns, type Example } from "./example.ts";
import { exampleSegment } from "./segment.ts";

/** A store that holds the example segment and nothing else. */
export async function storeExamples(): Promise<Example[]> {
  using folder = temporaryFolder();
  const store = openStore(folder.path);
  const { segment, blobs } = exampleSegment();
  const [pack] = segment.blobs;
  const bytes = new Uint8Array(39);
  blobs.read(pack!, 0, bytes);
  const put = store.blobs.put(bytes);
  if (put !== pack) throw new Error("the pack has another length");
  store.segments.put(segment);
  store.records.put("tag", "registry.example/app:1", pack);
  const lockName = `segment ${segment.id}`;
  await store.exclusive(lockName, async () => undefined);
  store.close();
  const paths = readdirSync(folder.path, { recursive: true, encoding: "utf8" })
    .filter((path) => statSync(join(folder.path, path)).isFile())
    .sort();
  const lock = lockPath("locks-v1", lockName);
  return [
    { name: "store-tree", text: columns(paths.map((path) => [path, kindOf(path, lock)])) },
    { name: "lock-name", text: `${lockName}\n${lock}` },
  ];
}

function kindOf(path: string, lock: string): string {
  if (path.startsWith("blobs-v1")) return "the pack of the example segment";
  if (path.startsWith("segments-v1")) return "the segment itself";
  if (path === lock) return "its lock, not held";
  return LOCKS[basename(path)] ?? "SQLite: all records";
}

const LOCKS: Readonly<Record<string, string>> = {
  "prune.guard": "the guard between leases and prune",
  "prune.lock": "of the one prune that is at work",
  "running-0.lock": "for builds on a full disk",
};
