import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DiffId, digestOf, hexOf } from "../layer/digest.ts";
import type { Segment, SegmentId } from "../layer/segment.ts";
import { lockPath } from "./lock.ts";
import { prune, tidy, whilePruning, wouldRemove } from "./prune.ts";
import type { Limits } from "./retention.ts";
import { openStore, type Store } from "./store.ts";
import { type Stored, survey } from "./survey.ts";
import { asidePath } from "./temporary.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NONE = { named: [], whole: [] };

let root: string;
/** A day ago by its records' clock: what it puts is old. */
let old: Store;
let store: Store;
const children: ChildProcess[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cambium-prune-"));
  store = openStore(root);
  old = openStore(root, { now: () => Date.now() - DAY_MS });
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const one of [store, old]) one.close();
  rmSync(root, { recursive: true, force: true });
});

function putOld(text: string, hours = 24) {
  const digest = store.blobs.put(Buffer.from(text));
  age(store.blobs.path(digest), hours);
  return digest;
}

function age(path: string, hours = 24): void {
  const then = (Date.now() - hours * HOUR_MS) / 1000;
  utimesSync(path, then, then);
}

function found(limits: Partial<Limits> = {}) {
  const surveyedMs = Date.now();
  const all = survey(store, { trees: [], now: surveyedMs });
  return { all, surveyedMs, limits: { beforeMs: surveyedMs - HOUR_MS, roots: NONE, ...limits } };
}

/** What went, by its name. */
async function pruned(limits: Partial<Limits> = {}, asOf = found(limits)): Promise<string[]> {
  const removed = await prune(store, asOf, async () => new Set());
  return removed.map(nameOf).sort();
}

function nameOf(item: Stored): string {
  if (item.kind === "blob") return item.digest;
  if (item.kind === "record") return `${item.row.kind} ${item.row.key}`;
  return item.kind === "segment" ? item.id : item.diffId;
}

function segmentOn(blob: ReturnType<typeof putOld>): Segment {
  const segment: Segment = {
    id: hexOf(digestOf(`on ${blob}`)) as SegmentId,
    recipe: { ecosystem: "files", layoutVersion: 1, source: digestOf("source"), options: {} },
    ...{ name: "x", key: "x", mtimeSec: 0, entries: [], sizeBytes: 0, blobs: [blob] },
  };
  store.segments.put(segment);
  age(join(root, "segments-v1", segment.id.slice(0, 2), segment.id));
  return segment;
}

test("what nobody keeps, leases or used lately goes", async () => {
  const [gone, kept, leased] = ["gone", "kept", "leased"].map((text) => putOld(text));
  store.blobs.put(Buffer.from("fresh"));
  const lease = store.lease();
  lease.protect([leased!]);
  expect(await pruned({ roots: { named: [hexOf(kept!)], whole: [] } })).toEqual([gone]);
  lease.release();
  expect(await pruned()).toEqual([kept!, leased!].sort());
});

test("with a size to reach the least recently used goes first, and no more", async () => {
  const blobs = [30, 10, 20].map((hours) => putOld(`${hours}`, hours));
  expect(await pruned({ maxBytes: 4 })).toEqual([blobs[0]]);
});

test("a look-up is a use, in any way of asking", async () => {
  const blob = putOld("asked");
  const segment = segmentOn(putOld("in a segment"));
  const listing = {
    diffId: digestOf("tar") as string as DiffId,
    entries: [],
    whiteouts: [],
    opaques: [],
    late: [],
  };
  store.listings.put({ ...listing, contents: new Map(), wanted: "w" });
  age(join(root, "listings-v1", hexOf(listing.diffId).slice(0, 2), hexOf(listing.diffId)));
  old.records.put("step", "k", { layer: 1 });
  expect(store.blobs.has(blob)).toBe(true);
  expect(store.segments.get(segment.id)).toBeDefined();
  expect(store.listings.get(listing.diffId, "w")).toBeDefined();
  expect(store.records.get("step", "k")).toBeDefined();
  expect(await pruned()).toEqual([]);
});

test("an image that is used keeps what its layers are made of, one that is not takes all with it", async () => {
  const wheel = putOld("wheel");
  const segment = segmentOn(wheel);
  const [layer, config] = [digestOf("layer"), putOld('{"config":1}')];
  const manifest = putOld(JSON.stringify({ config, layers: [layer] }));
  old.records.put("composition", layer, { segments: [{ id: segment.id }] });
  old.records.put("image", "sha256:key", { digest: manifest, layers: [{ digest: layer }] });
  store.records.get("image", "sha256:key");
  expect(await pruned()).toEqual([]);
  old.records.put("image", "sha256:key", { digest: manifest });
  const asOf = found();
  expect(await pruned({}, asOf)).toEqual(
    [`composition ${layer}`, "image sha256:key", config, manifest, segment.id, wheel].sort(),
  );
});

test("a record that is used after the survey keeps what it names", async () => {
  const blob = putOld("named");
  old.records.put("captured", "k", { digest: blob });
  const asOf = found();
  // In a process of its own, as a build is.
  const other = openStore(root);
  expect(other.records.get("captured", "k")).toBeDefined();
  other.close();
  expect(await pruned({}, asOf)).toEqual([]);
  expect(store.blobs.has(blob)).toBe(true);
});

test("a file that is used after the survey stays, with what it names", async () => {
  const config = putOld('{"config":2}');
  const manifest = putOld(JSON.stringify({ config }));
  const asOf = found();
  expect(store.blobs.has(manifest)).toBe(true);
  expect(await pruned({}, asOf)).toEqual([]);
  expect(store.blobs.has(config)).toBe(true);
});

test("choices and names stay, whatever the size; choices for 90 days", async () => {
  const long = openStore(root, { now: () => Date.now() - 91 * DAY_MS });
  long.records.put("project-lock", "/forgotten", {});
  long.records.put("tag", "app:1", digestOf("image"));
  long.close();
  old.records.put("project-lock", "/app", { debian: {} });
  old.records.put("context-digests", "/app", {});
  expect(await pruned({ maxBytes: 0 })).toEqual(["context-digests /app", "project-lock /forgotten"]);
});

test("what a running build may have looked up since it began stays, until it ends or is killed", async () => {
  const blob = putOld("old");
  const recent = store.blobs.put(Buffer.from("recent"));
  const running = await store.running();
  const all = { beforeMs: Date.now() + HOUR_MS };
  expect(wouldRemove(store, found(all).all, found(all).limits).map(nameOf)).toEqual([blob]);
  expect(await pruned(all)).toEqual([blob]);
  running.release();
  const from = JSON.stringify(new URL("./store.ts", import.meta.url).href);
  const script = `import { openStore } from ${from};
    await openStore(${JSON.stringify(root)}).running();
    console.log("runs"); setTimeout(() => {}, 60_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  await once(child.stdout, "data");
  expect(await pruned(all)).toEqual([]);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await pruned(all)).toEqual([recent]);
});

test("what a prune has moved aside is had all the same; what a killed one left goes", async () => {
  const [taken, left] = ["taken", "left"].map((text) => putOld(text));
  for (const digest of [taken!, left!]) {
    const aside = asidePath(join(root, "tmp"), "blob", hexOf(digest));
    writeFileSync(aside, digest === taken ? "taken" : "left");
    rmSync(store.blobs.path(digest));
  }
  expect(store.blobs.has(taken!)).toBe(true);
  store.blobs.read(taken!, 0, new Uint8Array(5));
  await pruned();
  expect([taken!, left!].map((digest) => store.blobs.has(digest))).toEqual([true, false]);
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
});

test("of two prunes one waits for the other", async () => {
  const steps: string[] = [];
  const work = (name: string) => async () => {
    steps.push(`${name} in`);
    await new Promise((resolve) => setTimeout(resolve, 10));
    steps.push(`${name} out`);
  };
  await Promise.all([whilePruning(store, work("a")), whilePruning(old, work("b"))]);
  expect([steps.slice(0, 2), steps.slice(2)].map(([first, second]) => first![0] === second![0])).toEqual([
    true,
    true,
  ]);
});

test("a lease lives as long as its process, and a kill ends it", async () => {
  const digest = putOld("theirs");
  const from = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const script = `import { openStore } from ${from("./store.ts")};
    import { digestOf } from ${from("../layer/digest.ts")};
    openStore(${JSON.stringify(root)}).lease().protect([digestOf("theirs")]);
    console.log("leased"); setTimeout(() => {}, 60_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  await once(child.stdout, "data");
  expect(await pruned()).toEqual([]);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await pruned()).toEqual([digest]);
  expect(readdirSync(join(root, "leases-v1")).filter((name) => name.endsWith(".digests"))).toEqual([]);
});

describe("tidying", () => {
  test("locks go when they are a day old and free", async () => {
    const path = (name: string) => lockPath(join(root, "locks-v1"), name);
    const names = ["free", "held", "fresh"];
    for (const name of names) await store.exclusive(name, async () => undefined);
    for (const name of ["free", "held"]) age(path(name), 48);
    await store.exclusive("held", async () => {
      expect(tidy(store, Date.now(), 0).locks).toBe(1);
    });
    expect(names.map((name) => existsSync(path(name)))).toEqual([false, true, true]);
    expect(await store.exclusive("free", async () => "again")).toBe("again");
  });

  test("temporaries go when they are a day old and their process is gone", async () => {
    const child = spawn(process.execPath, ["--eval", ""]);
    await once(child, "exit");
    const hex = "0".repeat(18);
    const names = [
      `${child.pid}-${hex}`,
      `${process.pid}-${hex}`,
      `${child.pid}-${hex.replace("0", "1")}`,
      "mine",
    ];
    for (const name of names) writeFileSync(join(root, "tmp", name), "");
    for (const name of [names[0]!, names[1]!, names[3]!]) age(join(root, "tmp", name), 48);
    expect(tidy(store, Date.now(), 0).temporaries).toBe(1);
    expect(readdirSync(join(root, "tmp")).sort()).toEqual(names.slice(1).sort());
  });

  test("what other versions of Node compiled goes when it is old", () => {
    const folders = [`${process.version}-x64-1`, "v1.2.3-x64-1", "v1.2.4-x64-1"];
    for (const name of folders) mkdirSync(join(root, "compile-cache", name), { recursive: true });
    for (const name of folders.slice(0, 2)) age(join(root, "compile-cache", name));
    expect(tidy(store, Date.now(), Date.now() - HOUR_MS).compiled).toBe(1);
    expect(readdirSync(join(root, "compile-cache")).sort()).toEqual([folders[0], folders[2]].sort());
  });
});
