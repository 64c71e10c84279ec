import { expect, test } from "vitest";
import type { CopyStep } from "../graph/stages.ts";
import { copiedFrom } from "./compare-files.ts";

const copy = (destination: string, ...paths: string[]): CopyStep => ({
  op: "copy",
  sources: [{ kind: "files", from: { kind: "context" }, paths, isUnpacked: false }],
  ...{ destination, isLinked: false, keepsParents: false, exclude: [] },
});

test.for<[what: string, step: CopyStep, path: string, from: string]>([
  ["a folder's content", copy("/app/src", "src"), "app/src/main.c", "src/main.c"],
  ["a file into a folder", copy("/app/", "requirements.txt"), "app/requirements.txt", "requirements.txt"],
  ["a file under another name", copy("/etc/app.conf", "./conf/app.prod"), "etc/app.conf", "conf/app.prod"],
  ["the whole context", copy("/app", "."), "app/src/a", "src/a"],
  ["one of several files", copy("/app/", "a.txt", "sub/b.txt"), "app/b.txt", "sub/b.txt"],
  ["a pattern", copy("/app/", "*.txt"), "app/b.txt", "/app/b.txt"],
  ["what lies elsewhere", copy("/link", "src"), "real/a", "/real/a"],
])("%s is named as it was copied", ([, step, path, from]) => {
  expect(copiedFrom(step, path)).toBe(from);
});
