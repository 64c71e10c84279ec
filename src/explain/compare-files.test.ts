import { expect, test } from "vitest";
import type { CopyStep } from "../graph/stages.ts";
import { compareFileSteps, copiedFrom } from "./compare-files.ts";
import type { FileKeyDocument } from "./documents.ts";
import { plainLens, saltedLens, saltedText } from "./lens.ts";
import { saltedDocument } from "./portable-build.ts";

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

const document = (step: Partial<CopyStep>, more: Partial<FileKeyDocument> = {}): FileKeyDocument => ({
  ...{ version: 1, layoutVersions: { files: 1 }, sources: ["stamp"], below: [], mtimeSec: 1 },
  step: { ...copy("/app", "src"), ...step },
  ...more,
});
const from = (source: object) => ({ sources: [source] as unknown as CopyStep["sources"] });
const stage = (number: number) =>
  from({ kind: "files", from: { kind: "stage", stage: number }, paths: ["a"], isUnpacked: false });
const http = { kind: "http", url: "https://host.example/a", checksum: "sha256:1", isUnpacked: false };

test.for<[what: string, before: FileKeyDocument, now: FileKeyDocument, found: readonly object[]]>([
  ["the destination", document({}), document({ destination: "/b" }), [{ field: "destination", now: "/b" }]],
  ["the owner", document({ owner: "1" }), document({ owner: "2" }), [{ field: "owner", now: "2" }]],
  ["--chmod", document({}), document({ chmod: "644" }), [{ field: "chmod", change: "added" }]],
  ["--exclude", document({ exclude: ["a"] }), document({}), [{ field: "exclude", change: "removed" }]],
  ["--link", document({}), document({ isLinked: true }), [{ field: "option", name: "isLinked" }]],
  [
    "a checksum",
    document(from(http)),
    document(from({ ...http, checksum: "2" })),
    [{ field: "source", name: "checksum" }],
  ],
  ["a URL", document(from(http)), document(from({ ...http, url: "x" })), [{ field: "source", name: "url" }]],
  ["another stage by its name", document(stage(0)), document(stage(1)), [{ field: "source", name: "stage" }]],
  ["a stage that has only another number", document(stage(2)), document(stage(3)), []],
  ["the stamps of the files", document({}), document({}, { sources: ["other"] }), []],
  ["the layout", document({}), document({}, { layoutVersions: { files: 2 } }), [{ field: "layout version" }]],
  ["the time", document({}), document({}, { mtimeSec: 2 }), [{ field: "SOURCE_DATE_EPOCH" }]],
])("of a COPY %s is all that differs, on this machine and from another", ([, before, now, found]) => {
  const names = (stage: number) => ["one", "two", "2", "3"][stage];
  const both = { before: names, now: names };
  expect(compareFileSteps(before, now, plainLens, both)).toMatchObject(found);
  const salted = saltedDocument(before, "salt");
  const told = { before: (at: number) => (at > 1 ? names(at) : saltedText("salt", names(at)!)), now: names };
  expect(compareFileSteps(salted, now, saltedLens("salt"), told)).toMatchObject(found);
});
