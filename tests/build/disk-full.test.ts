import { randomBytes } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { copyOfBaseStore } from "../support/base-store.ts";
import { digestIn, lockedWheel, pylockFiles, workplace } from "../support/project.ts";
import { expectFailure, type Reference, startReference } from "../support/reference.ts";
import { fill, smallDisk } from "../support/small-disk.ts";
import { illnessesOf } from "../support/store-health.ts";
import { wheel } from "../support/wheel.ts";

/** Without root there is no disk of the test's own to fill. */
const isRoot = process.getuid?.() === 0;

const filename = "large-1.0-py3-none-any.whl";
const large = wheel({ "large/data.bin": randomBytes(3 << 20) }, { name: "large" });

let reference: Reference;
beforeAll(async () => {
  reference = await startReference();
});
afterAll(async () => {
  await reference[Symbol.asyncDispose]();
});

const full = {
  exitCode: 3,
  code: "DISK_FULL",
  hint: /^hint: Free space/m,
} as const;

test.skipIf(!isRoot).for([
  { leaves: "1 MB", leaveBytes: 1 << 20 },
  { leaves: "one page", leaveBytes: 4096 },
  { leaves: "nothing", leaveBytes: 0 },
])("a store on a disk that $leaves: named; with space again the same digests", async ({ leaveBytes }) => {
  using place = await workplace();
  using _disk = smallDisk(place.at("disk"), 96);
  const store = await copyOfBaseStore(place.at("disk", "store"));
  const url = reference.server.serve(`/${leaveBytes}/${filename}`, large);
  const project = place.project("app", await pylockFiles([lockedWheel("large", url, large)]));
  const wanted = digestIn(await place.build(project));
  fill(place.at("disk"), leaveBytes);
  expectFailure(await place.build(project, [], { store }), { ...full, quotes: [store] });
  rmSync(place.at("disk", "filler"));
  expect(illnessesOf(store)).toEqual([]);
  expect(digestIn(await place.build(project, [], { store }))).toBe(wanted);
});

test.skipIf(!isRoot).for([
  ["oci", "image"],
  ["oci", "image.tar"],
  ["docker", "image.tar"],
  ["tar", "root.tar"],
] as const)("an output of type=%s to %s on a full disk: named, nothing of it left", async ([type, name]) => {
  using place = await workplace();
  using _disk = smallDisk(place.at("disk"), 2);
  const project = place.project("app", await pylockFiles([]));
  const dest = place.at("disk", name);
  const ran = await place.build(project, ["-o", `type=${type},dest=${dest}`]);
  expectFailure(ran, { ...full, quotes: [dest] });
  // A layout is a folder of blobs that a next run completes; a tar is there or not.
  const left = readdirSync(place.at("disk"), { recursive: true, encoding: "utf8" });
  expect(left.filter((path) => /\.tmp$|index\.json$|\.tar$/.test(path))).toEqual([]);
  await reference.expectUnharmed(place);
});
