import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/paths.ts";
import { runProcess } from "../scripts/process.ts";

/** Everything a bench downloads, makes or measures; never committed. On one filesystem, so that links work. */
export const benchCache = join(root, ".cache", "bench");

/** An empty folder for one bench, gone at the end of it. */
export function workFolder(name: string): Disposable & { readonly path: string } {
  const parent = join(benchCache, "work");
  mkdirSync(parent, { recursive: true });
  const path = mkdtempSync(join(parent, `${name}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function emptyFolder(path: string): string {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

/** What is written once and never in place: links serve, so that a store of 4 GB is copied in no time. */
const writtenOnce = new Set(["blobs-v1", "segments-v1"]);

/** A store of its own with the content of `from`. */
export async function copyStore(from: string, to: string): Promise<void> {
  emptyFolder(to);
  for (const name of readdirSync(from)) {
    const flags = writtenOnce.has(name) ? "-al" : "-a";
    await runProcess("cp", [flags, join(from, name), join(to, name)]);
  }
}

/** Writes of an arm before must not be paid by the next one. */
export async function settleDisk(): Promise<void> {
  await runProcess("sync", []);
}
