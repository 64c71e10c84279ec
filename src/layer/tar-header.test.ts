import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { digestOf } from "./digest.ts";
import type { Entry, SpecialEntry } from "./entry.ts";
import { readTar } from "./read-tar.ts";
import { paddingOf, tarHeader } from "./tar-header.ts";

const none = digestOf("");

/** Headers of empty files, links and directories, ended as a tar is. */
function archive(entries: readonly (Entry | SpecialEntry)[], mtimeSec: number): Buffer {
  return Buffer.concat([...entries.map((entry) => tarHeader(entry, mtimeSec)), new Uint8Array(1024)]);
}

async function* one(bytes: Uint8Array) {
  yield bytes;
}

const segmentName = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 60 })
  .filter((it) => !/[/\0]|^\.{1,2}$|^\.wh\./.test(it) && it.isWellFormed() && it.normalize() === it);
const paths = fc.array(segmentName, { minLength: 1, maxLength: 8 }).map((parts) => parts.join("/"));
const entries: fc.Arbitrary<Entry | SpecialEntry> = fc.oneof(
  fc.record({
    type: fc.constant("file" as const),
    path: paths,
    mode: fc.nat(0o7777),
    uid: fc.nat(3_000_000),
    gid: fc.nat(3_000_000),
    size: fc.constant(0),
    digest: fc.constant(none),
  }),
  fc.record({
    type: fc.constant("symlink" as const),
    path: paths,
    mode: fc.constant(0o777),
    uid: fc.constant(0),
    gid: fc.constant(0),
    target: paths,
  }),
  fc.record({
    type: fc.constant("directory" as const),
    path: paths,
    mode: fc.nat(0o7777),
    uid: fc.nat(10),
    gid: fc.nat(10),
    xattrs: fc.constant({ "user.x": "\x00\xff=\n" }),
  }),
  fc.record({
    type: fc.constantFrom("character" as const, "block" as const),
    path: paths,
    mode: fc.nat(0o7777),
    uid: fc.nat(10),
    gid: fc.nat(10),
    device: fc.record({ major: fc.nat(0o7777777), minor: fc.nat(0o7777777) }),
  }),
  fc.record({
    type: fc.constant("fifo" as const),
    path: paths,
    mode: fc.nat(0o7777),
    uid: fc.nat(10),
    gid: fc.nat(10),
  }),
);

test("any path, mode, owner and link is read back as it was", async () => {
  await fc.assert(
    fc.asyncProperty(entries, fc.nat(2 ** 31), async (entry, mtimeSec) => {
      const read = [];
      for await (const it of readTar(one(archive([entry], mtimeSec)), "test")) read.push(it);
      expect(read).toHaveLength(1);
      const { path, type, mode, uid, gid } = entry;
      expect(read[0]).toMatchObject({ path, type, mode, uid, gid, mtimeSec });
      if (entry.type === "symlink") expect(read[0]?.target).toBe(entry.target);
      if ("device" in entry) expect(read[0]?.device).toEqual(entry.device);
      if (entry.xattrs) expect(read[0]?.xattrs).toEqual(entry.xattrs);
    }),
  );
});

test("GNU tar lists long, non-ASCII and split names as they are", () => {
  const names = [
    "short",
    `${"d".repeat(100)}/${"n".repeat(90)}`,
    `${"d".repeat(180)}/${"n".repeat(99)}`,
    "n".repeat(101),
    "Főtanúsítvány.crt",
    `${"x/".repeat(120)}end`,
  ];
  const directory = mkdtempSync(join(tmpdir(), "cambium-test-"));
  try {
    const file = join(directory, "a.tar");
    const base = { type: "file", mode: 0o644, uid: 0, gid: 0, size: 0, digest: none } as const;
    writeFileSync(
      file,
      archive(
        names.map((path) => ({ ...base, path })),
        1,
      ),
    );
    const listed = execFileSync("tar", ["--quoting-style=literal", "-tf", file], {
      env: { LC_ALL: "C.UTF-8", PATH: "/usr/bin:/bin" },
    });
    expect(listed.toString().trim().split("\n")).toEqual(names);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("ustar alone is used wherever it can hold the values", () => {
  const file = {
    type: "file",
    path: `${"d".repeat(150)}/${"n".repeat(100)}`,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 1,
    digest: none,
  } as const;
  expect(tarHeader(file, 1)).toHaveLength(512);
  expect(tarHeader({ ...file, path: "é" }, 1)).toHaveLength(1536);
  expect(tarHeader({ ...file, size: 0o77777777777 }, 1)).toHaveLength(512);
  expect(tarHeader({ ...file, size: 0o77777777777 + 1 }, 1)).toHaveLength(1536);
});

test("content is padded to whole blocks", () => {
  expect([0, 1, 511, 512, 513].map(paddingOf)).toEqual([0, 511, 1, 0, 511]);
});
