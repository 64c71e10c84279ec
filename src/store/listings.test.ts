import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../tests/support/temporary-folder.ts";
import { digestOf, hexOf, parseDiffId } from "../layer/digest.ts";
import type { LayerListing } from "../layer/listing.ts";
import { decodeListing, encodeListing } from "./listing-codec.ts";
import { ListingStore } from "./listings.ts";
import { openStore } from "./store.ts";

const diffId = parseDiffId(digestOf("tar"), "test");
const owner = { mode: 0o644, uid: 3, gid: 4 };
const listing: LayerListing = {
  diffId,
  entries: [
    { type: "directory", path: "a", ...owner, xattrs: { "user.x": "\xff\0", __proto__x: "" } },
    { type: "file", path: "a/b", ...owner, size: 2 ** 40, digest: digestOf("b") },
    { type: "hardlink", path: "a/c", ...owner, target: "a/b" },
    { type: "character", path: "a/d", ...owner, device: { major: 1, minor: 3 } },
    { type: "block", path: "a/e", ...owner, device: { major: 8, minor: 1 } },
    { type: "fifo", path: "a/f", ...owner },
    { type: "symlink", path: "a/g", ...owner, target: "../ü" },
    { type: "file", path: "a/h", ...owner, size: 0, digest: digestOf("") },
  ],
  whiteouts: ["gone"],
  opaques: ["", "a"],
  late: ["a"],
  contents: new Map([
    ["a/h", new Uint8Array(0)],
    ["__proto__", Uint8Array.of(0, 255, 10)],
  ]),
  wanted: "test 1",
};

test("a listing comes back as it was, for its own layer and the same wanted files only", () => {
  const bytes = encodeListing(listing);
  expect(decodeListing(bytes, diffId, "test 1")).toStrictEqual(listing);
  expect(decodeListing(bytes, diffId, "test 2")).toBeUndefined();
  expect(decodeListing(bytes, parseDiffId(digestOf("other"), "test"), "test 1")).toBeUndefined();
});

test("a listing with any one byte changed or cut off is a miss", () => {
  const whole = encodeListing(listing);
  for (let at = 0; at < whole.byteLength; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = damaged[at]! ^ 0x10;
    expect(decodeListing(damaged, diffId, "test 1")).toBeUndefined();
    expect(decodeListing(whole.subarray(0, at), diffId, "test 1")).toBeUndefined();
  }
});

test("what is put is had; a damaged file is dropped", () => {
  using folder = temporaryFolder();
  openStore(folder.path).close();
  const store = new ListingStore(folder.path, { bytes: 0 });
  expect(store.get(diffId, "test 1")).toBeUndefined();
  store.put(listing);
  expect(store.get(diffId, "test 1")).toStrictEqual(listing);
  const [name] = readdirSync(folder.at("listings-v1"), { recursive: true, encoding: "utf8" }).filter((path) =>
    /[0-9a-f]{64}$/.test(path),
  );
  const path = join(folder.at("listings-v1"), name ?? "");
  writeFileSync(path, readFileSync(path).subarray(0, -1));
  expect(store.get(diffId, "test 1")).toBeUndefined();
  expect(readdirSync(folder.at("listings-v1"), { recursive: true }).length).toBe(1);
});

test("a listing goes unless it was used since", () => {
  using folder = temporaryFolder();
  openStore(folder.path).close();
  const added = { bytes: 0 };
  const store = new ListingStore(folder.path, added);
  store.put(listing);
  const path = folder.at("listings-v1", hexOf(diffId).slice(0, 2), hexOf(diffId));
  utimesSync(path, 1000, 1000);
  const [stat] = [...store.stats()];
  expect(stat).toEqual({ id: hexOf(diffId), sizeBytes: added.bytes, usedMs: 1_000_000 });
  expect(store.get(diffId, "test 1")).toStrictEqual(listing);
  expect(store.remove(diffId, 1_000_000)).toBe(false);
  utimesSync(path, 1000, 1000);
  expect(store.remove(diffId, 1_000_000)).toBe(true);
  expect(store.get(diffId, "test 1")).toBeUndefined();
});
