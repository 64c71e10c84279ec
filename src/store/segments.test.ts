import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { digestOf } from "../layer/digest.ts";
import type { Segment, SegmentEntry, SegmentId, SharedObject } from "../layer/segment.ts";
import { decodeSegment, encodeSegment } from "./segment-codec.ts";
import { SegmentStore } from "./segments.ts";
import { openStore } from "./store.ts";

const blobs = [digestOf("wheel"), digestOf("made")];
const id = digestOf("recipe").slice(7) as SegmentId;

function segmentOf(entries: readonly SegmentEntry[], sharedObjects?: readonly SharedObject[]): Segment {
  return {
    id,
    recipe: { ecosystem: "python", layoutVersion: 1, source: blobs[0]!, options: { scheme: "venv" } },
    name: "numpy 2.1.0",
    key: "numpy",
    mtimeSec: 315619200,
    entries,
    sizeBytes: entries.reduce((sum, entry) => sum + (entry.type === "file" ? entry.size : 0), 0),
    blobs,
    ...(sharedObjects !== undefined && { sharedObjects }),
  };
}

/** Plain objects, as JSON gives them. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const number = fc.integer({ min: 0, max: 2 ** 48 });
const owner = fc.integer({ min: 0, max: 2 ** 32 - 2 });
const base = {
  path: fc.string({ unit: "grapheme", minLength: 1 }),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: owner,
  gid: owner,
};
const xattrs = fc.dictionary(
  fc.string({ minLength: 1 }).filter((name) => name !== "__proto__"),
  fc.string(),
  { noNullPrototype: true },
);
const payload = record({
  blob: fc.constantFrom(...blobs),
  offset: number,
  length: number,
  crc32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});
const digest = fc.string().map((text) => digestOf(text));
const entry: fc.Arbitrary<SegmentEntry> = fc.oneof(
  record({ ...base, type: fc.constant("file" as const), size: number, digest, payload }),
  record({ ...base, type: fc.constant("file" as const), size: fc.constant(0), digest }),
  record({ ...base, type: fc.constant("directory" as const), xattrs }),
  record({ ...base, type: fc.constant("symlink" as const), target: fc.string() }),
  record({ ...base, type: fc.constant("hardlink" as const), target: fc.string(), xattrs }),
  record({ ...base, type: fc.constant("fifo" as const) }),
  record({
    ...base,
    type: fc.constantFrom("character" as const, "block" as const),
    device: record({ major: number, minor: number }),
  }),
);

const sample = segmentOf([
  { type: "directory", path: "opt", mode: 0o755, uid: 0, gid: 0 },
  {
    type: "file",
    path: "opt/a",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 3,
    digest: digestOf("abc"),
    payload: { blob: blobs[1]!, offset: 30, length: 5, crc32: 0x352441c2 },
  },
  { type: "symlink", path: "opt/b", mode: 0o777, uid: 0, gid: 0, target: "a" },
]);

let root: string;
let segments: SegmentStore;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cambium-segments-"));
  openStore(root).close();
  segments = new SegmentStore(root);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const sharedObject: fc.Arbitrary<SharedObject> = fc.record(
  {
    path: fc.string(),
    architecture: fc.constantFrom("amd64", "arm64"),
    soname: fc.string(),
    needed: fc.array(fc.string(), { maxLength: 3 }),
    runpath: fc.array(fc.string(), { maxLength: 3 }),
  },
  { requiredKeys: ["path", "needed", "runpath"], noNullPrototype: true },
);

test("any segment comes back as it was", () => {
  const shared = fc.option(fc.array(sharedObject, { maxLength: 5 }), { nil: undefined });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), shared, (entries, sharedObjects) => {
      const segment = segmentOf(entries, sharedObjects);
      expect(decodeSegment(encodeSegment(segment), id)).toStrictEqual(segment);
    }),
  );
});

test("shared objects of another form than ours make the file a miss", () => {
  const good = { path: "a.so", needed: ["libc.so.6"], runpath: [] };
  expect(decodeSegment(encodeSegment(segmentOf([], [good])), id)).toBeDefined();
  const bad = [
    { ...good, path: 1 },
    { ...good, needed: [1] },
    { ...good, runpath: 1 },
    { path: "a.so" },
    null,
  ];
  for (const one of [...bad, { ...good, architecture: "m68k" }]) {
    expect(decodeSegment(encodeSegment(segmentOf([], [one as unknown as SharedObject])), id)).toBeUndefined();
  }
});

test("what is put is had, listed, and gone when removed", () => {
  expect(segments.has(id)).toBe(false);
  expect(segments.get(id)).toBeUndefined();
  segments.put(sample);
  expect(segments.has(id)).toBe(true);
  expect(segments.get(id)).toStrictEqual(sample);
  expect([...segments.list()]).toEqual([id]);
  expect(segments.remove(id, Date.now() + 1000)).toBe(true);
  expect(segments.get(id)).toBeUndefined();
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
});

function fileOf(): string {
  return join(root, "segments-v1", id.slice(0, 2), id);
}

test("a file with any one byte changed or cut off is a miss and is dropped", () => {
  segments.put(sample);
  const whole = readFileSync(fileOf());
  for (let at = 0; at < whole.byteLength; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = damaged[at]! ^ 0x10;
    expect(decodeSegment(damaged, id)).toBeUndefined();
    expect(decodeSegment(whole.subarray(0, at), id)).toBeUndefined();
  }
  writeFileSync(fileOf(), whole.subarray(0, whole.byteLength - 1));
  expect(segments.get(id)).toBeUndefined();
  expect(segments.has(id)).toBe(false);
});

test("a segment under another's name is a miss", () => {
  const other = digestOf("other").slice(7) as SegmentId;
  expect(decodeSegment(encodeSegment(sample), other)).toBeUndefined();
});

test("an id that would leave the folder is refused", () => {
  expect(() => segments.get("../../etc/passwd" as SegmentId)).toThrow(
    expect.objectContaining({ code: "SEGMENT_ID_SYNTAX" }),
  );
});

test("a payload in a blob that the segment does not name is a mistake of its maker", () => {
  expect(() => encodeSegment({ ...sample, blobs: [] })).toThrow("opt/a");
});
