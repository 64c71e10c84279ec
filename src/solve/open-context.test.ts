import { once } from "node:events";
import { utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryFolder } from "../../tests/support/temporary-folder.ts";
import type { WalkOptions } from "../context/walk.ts";
import type { BuildEvent } from "../events.ts";
import { openStore, type Store } from "../store/store.ts";
import { openContext } from "./open-context.ts";

const options: WalkOptions = { ignoreFiles: [] };
let folder: ReturnType<typeof temporaryFolder>;
let project: ReturnType<typeof temporaryFolder>;
let store: Store;

beforeEach(() => {
  folder = temporaryFolder();
  project = temporaryFolder();
  store = openStore(folder.path);
});

afterEach(() => {
  store.close();
  folder[Symbol.dispose]();
  project[Symbol.dispose]();
});

/** What one build works with. */
function newBench() {
  const events: BuildEvent[] = [];
  const emit = (event: BuildEvent) => events.push(event);
  return { store, events, emit, openContexts: new Map(), signal: new AbortController().signal };
}

test("a folder is walked once in a build, and what was skipped is said once", async () => {
  const server = createServer().listen(join(project.path, "a.sock"));
  await once(server, "listening");
  const bench = newBench();
  const first = await openContext(project.path, options, bench);
  writeFileSync(join(project.path, "later"), "");
  expect(await openContext(project.path, { ...options }, bench)).toBe(first);
  expect(bench.events).toMatchObject([{ type: "warning", code: "CONTEXT_SKIPPED" }]);
  const other = await openContext(project.path, { ...options, exclude: ["x"] }, bench);
  expect(other.tree.files).toMatchObject([{ path: "later" }]);
  server.close();
});

test("digests of files that a build does not ask for are kept, those of files that changed are not", async () => {
  const digests = () => Object.keys(store.records.get("context-digests", project.path) as object);
  const build = async (...paths: string[]) => {
    const { source, save } = await openContext(project.path, options, newBench());
    for (const entry of source.entries) {
      if (entry.type === "file" && paths.includes(entry.path)) await source.digest(entry);
    }
    save();
    return digests().map((key) => key.split("\0")[0]);
  };
  for (const name of ["a", "b"]) writeFileSync(join(project.path, name), name);
  // Younger ones are not remembered.
  await setTimeout(150);
  expect(await build("a", "b")).toEqual(["a", "b"]);
  const [before] = digests();
  utimesSync(join(project.path, "a"), 1, 1);
  await setTimeout(150);
  expect(await build("a")).toEqual(["a", "b"]);
  expect(digests()).not.toContain(before);
});
