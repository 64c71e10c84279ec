import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { block, extended, gnuLong, padded, pax, sealed, tarOf } from "../../tests/support/tar-blocks.ts";
import { readTar, type TarEntry, type TarLimits } from "./read-tar.ts";

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

type Read = Omit<TarEntry, "content" | "offset"> & { readonly body: string };
async function readAll(bytes: Buffer, limits?: TarLimits, chunkSize = 4096): Promise<Read[]> {
  const entries: Read[] = [];
  for await (const { content, offset: _, ...entry } of readTar(
    chunked(bytes, chunkSize),
    "test.tar",
    limits,
  )) {
    const parts: Uint8Array[] = [];
    for await (const part of content()) parts.push(part);
    entries.push({ ...entry, body: Buffer.concat(parts).toString("latin1") });
  }
  return entries;
}

const longPath = `${"d".repeat(90)}/${"e".repeat(200)}/${"f".repeat(99)}.txt`;

describe("archives that GNU tar makes", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "read-tar-"));
    mkdirSync(join(folder, "dir"), { mode: 0o750 });
    writeFileSync(join(folder, "dir/hello.txt"), "hello\n", { mode: 0o600 });
    writeFileSync(join(folder, "dir/big"), Buffer.alloc(70_000, "x"));
    writeFileSync(join(folder, "empty"), "");
    writeFileSync(join(folder, "snö 😀"), "utf8");
    linkSync(join(folder, "dir/hello.txt"), join(folder, "zz-hard"));
    symlinkSync("../../outside", join(folder, "zz-link"));
    symlinkSync(`/${"t".repeat(180)}`, join(folder, "zz-long-link"));
    mkdirSync(join(folder, longPath, ".."), { recursive: true });
    writeFileSync(join(folder, longPath), "deep");
    execFileSync("mkfifo", [join(folder, "zz-fifo")]);
    utimesSync(join(folder, "empty"), 1_000_000_000.25, 1_000_000_000.25);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  for (const format of ["gnu", "pax", "posix"]) {
    test(`${format}: every member is as the file tree has it`, async () => {
      const args = ["-c", `--format=${format}`, "--sort=name", "--numeric-owner", "-C", folder, "."];
      const entries = await readAll(execFileSync("tar", args, { maxBuffer: 1 << 24 }));
      const names = execFileSync("find", [".", "-mindepth", "1", "-printf", "%P\\n"], {
        cwd: folder,
        encoding: "utf8",
      });
      expect(entries.map((entry) => entry.path).sort()).toEqual(names.trim().split("\n").sort());
      const byPath = new Map(entries.map((entry) => [entry.path, entry]));
      expect(byPath.get("dir")).toMatchObject({ type: "directory", mode: 0o750, size: 0 });
      expect(byPath.get("dir/hello.txt")).toMatchObject({
        type: "file",
        mode: 0o600,
        body: "hello\n",
        size: 6,
      });
      expect(byPath.get("dir/big")?.body).toBe("x".repeat(70_000));
      expect(byPath.get("snö 😀")?.body).toBe("utf8");
      expect(byPath.get("zz-hard")).toMatchObject({ type: "hardlink", target: "dir/hello.txt", size: 0 });
      expect(byPath.get("zz-link")).toMatchObject({ type: "symlink", target: "../../outside" });
      expect(byPath.get("zz-long-link")?.target).toBe(`/${"t".repeat(180)}`);
      expect(byPath.get(longPath)?.body).toBe("deep");
      expect(byPath.get("zz-fifo")?.type).toBe("fifo");
      expect(byPath.get("empty")?.mtimeSec).toBe(format === "gnu" ? 1_000_000_000 : 1_000_000_000.25);
    });
  }

  test("owners beyond octal and owner names come through", async () => {
    for (const format of ["gnu", "pax"]) {
      const args = [
        "-c",
        `--format=${format}`,
        "--owner=someone:3000000",
        "--group=crew:4000000000",
        "-C",
        folder,
        "empty",
      ];
      const [entry] = await readAll(execFileSync("tar", args));
      expect(entry).toMatchObject({ uid: 3_000_000, gid: 4_000_000_000, uname: "someone", gname: "crew" });
    }
  });
});

test("however the bytes are cut into chunks, the members are the same", async () => {
  const bytes = tarOf(
    pax("x", `path=${longPath}`),
    block({ size: 700 }),
    padded("y".repeat(700)),
    gnuLong("L", "other"),
    block({}),
  );
  const want = await readAll(bytes);
  expect(want.map(({ path, size }) => [path, size])).toEqual([
    [longPath, 700],
    ["other", 0],
  ]);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3000 }), async (size) => {
      expect(await readAll(bytes, {}, size)).toEqual(want);
    }),
    { numRuns: 40 },
  );
});

test("a cut anywhere before the end marker is ARCHIVE_TRUNCATED", async () => {
  const whole = Buffer.concat([block({ size: 600 }), padded("z".repeat(600)), pax("x", "path=b"), block({})]);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), async (length) => {
      await expect(readAll(whole.subarray(0, length))).rejects.toMatchObject({ code: "ARCHIVE_TRUNCATED" });
    }),
    { numRuns: 60 },
  );
});

test("the offset is where the content is", async () => {
  const bytes = tarOf(pax("x", "path=b"), block({ size: 3 }), padded("abc"));
  for await (const { offset, size } of readTar(chunked(bytes, 512), "t")) {
    expect(bytes.toString("latin1", offset, offset + size)).toBe("abc");
  }
  expect.assertions(1);
});

test("content that nobody reads is skipped, half-read content too", async () => {
  const bytes = tarOf(
    block({ name: "a", size: 5000 }),
    padded(Buffer.alloc(5000)),
    block({ name: "b", size: 5000 }),
    padded(Buffer.alloc(5000)),
    block({ name: "c" }),
  );
  const paths: string[] = [];
  for await (const entry of readTar(chunked(bytes, 512), "test.tar")) {
    paths.push(entry.path);
    if (entry.path === "b") for await (const _ of entry.content()) break;
  }
  expect(paths).toEqual(["a", "b", "c"]);
});

test("content asked for too late is a plain error, not an empty file", async () => {
  const kept: TarEntry[] = [];
  for await (const entry of readTar(chunked(tarOf(block({ size: 3 }), padded("abc")), 512), "t"))
    kept.push(entry);
  await expect(kept[0]!.content()[Symbol.asyncIterator]().next()).rejects.toThrow("passed already");
});

test("the source is read to its end, and closed when the reader stops early", async () => {
  let pulled = 0;
  let isClosed = false;
  async function* source() {
    try {
      for (const part of [tarOf(block({}), block({ name: "b" })), Buffer.alloc(9000)]) {
        pulled += 1;
        yield part;
      }
    } finally {
      isClosed = true;
    }
  }
  for await (const _ of readTar(source(), "t"));
  expect(pulled).toBe(2);
  isClosed = false;
  for await (const _ of readTar(source(), "t")) break;
  expect(isClosed).toBe(true);
});

test("xattrs keep their bytes, global times and owners hold until replaced", async () => {
  const bytes = tarOf(
    pax("g", "mtime=77", "uid=5"),
    pax("x", "SCHILY.xattr.user.k=\0\u00ff\n=", "SCHILY.xattr.__proto__=p"),
    block({ name: "a" }),
    pax("x", "mtime=-1.5"),
    block({ name: "b" }),
    pax("x", "mtime="),
    block({ name: "c" }),
  );
  const [a, b, c] = await readAll(bytes);
  expect(a).toMatchObject({ path: "a", mtimeSec: 77, uid: 5 });
  expect(Object.entries(a!.xattrs!)).toEqual([
    ["user.k", "\0\u00ff\n="],
    ["__proto__", "p"],
  ]);
  expect(b).toMatchObject({ path: "b", mtimeSec: -1.5, uid: 5 });
  expect(c).toMatchObject({ path: "c", mtimeSec: 315619200, uid: 5 });
});

test("names are normalised, the root is left out, v7 and ustar prefix are understood", async () => {
  const entries = await readAll(
    tarOf(
      block({ name: "./", type: "5" }),
      block({ name: "./a//b/./c" }),
      block({ name: "old/", magic: "", prefix: "not a prefix in v7" }),
      block({ name: "tail", prefix: "head/of" }),
      block({ name: "dev", type: "3" }),
      block({ name: ".wh.gone" }),
      block({ name: "cafe\u0301" }),
    ),
  );
  expect(entries.map(({ path, type }) => [path, type])).toEqual([
    ["a/b/c", "file"],
    ["old", "directory"],
    ["head/of/tail", "file"],
    ["dev", "character"],
    [".wh.gone", "file"],
    ["cafe\u0301", "file"],
  ]);
  expect(entries[3]?.device).toEqual({ major: 0, minor: 0 });
});

test("a hard link's stated size counts for nothing, as in every reader", async () => {
  const entries = await readAll(
    tarOf(block({ name: "l", type: "1", link: "./a", size: 9999 }), block({ name: "b" })),
  );
  expect(entries.map(({ path, target, size }) => [path, target, size])).toEqual([
    ["l", "a", 0],
    ["b", undefined, 0],
  ]);
});

const damaged = block({});
damaged[0] = 0x62;
const base256 = (...bytes: number[]) => Buffer.from(bytes);

const hostile: { name: string; bytes: Buffer; code: string; quotes: string; limits?: TarLimits }[] = [
  {
    name: "absolute path",
    bytes: tarOf(block({ name: "/etc/passwd" })),
    code: "ARCHIVE_TRAVERSAL",
    quotes: "/etc/passwd",
  },
  {
    name: "climbing path",
    bytes: tarOf(block({ name: "a/../../b" })),
    code: "ARCHIVE_TRAVERSAL",
    quotes: "a/../../b",
  },
  {
    name: "climbing path at the end",
    bytes: tarOf(block({ name: "a/.." })),
    code: "ARCHIVE_TRAVERSAL",
    quotes: "a/..",
  },
  {
    name: "climbing PAX path",
    bytes: tarOf(pax("x", "path=../b"), block({})),
    code: "ARCHIVE_TRAVERSAL",
    quotes: "../b",
  },
  {
    name: "climbing long name",
    bytes: tarOf(gnuLong("L", "../b"), block({})),
    code: "ARCHIVE_TRAVERSAL",
    quotes: "../b",
  },
  {
    name: "climbing prefix",
    bytes: tarOf(block({ prefix: ".." })),
    code: "ARCHIVE_TRAVERSAL",
    quotes: "../a",
  },
  {
    name: "hard link out of the root",
    bytes: tarOf(block({ type: "1", link: "../x" })),
    code: "ARCHIVE_TRAVERSAL",
    quotes: "../x",
  },
  {
    name: "absolute hard link",
    bytes: tarOf(block({ type: "1", link: "/x" })),
    code: "ARCHIVE_TRAVERSAL",
    quotes: "/x",
  },
  {
    name: "hard link to the root",
    bytes: tarOf(block({ type: "1", link: "./" })),
    code: "ARCHIVE_HEADER",
    quotes: "root",
  },
  {
    name: "link to nothing",
    bytes: tarOf(block({ type: "2" })),
    code: "ARCHIVE_HEADER",
    quotes: "link target is empty",
  },
  { name: "empty name", bytes: tarOf(block({ name: "" })), code: "ARCHIVE_HEADER", quotes: "path is empty" },
  {
    name: "root as a file",
    bytes: tarOf(block({ name: "." })),
    code: "ARCHIVE_HEADER",
    quotes: "root is a file",
  },
  {
    name: "NUL in a PAX path",
    bytes: tarOf(pax("x", "path=a\0b"), block({})),
    code: "ARCHIVE_HEADER",
    quotes: "NUL",
  },
  {
    name: "name that is not UTF-8",
    bytes: tarOf(block({ name: base256(0x61, 0xff) })),
    code: "ARCHIVE_NAME",
    quotes: "ÿ",
  },
  { name: "wrong checksum", bytes: tarOf(damaged), code: "ARCHIVE_CHECKSUM", quotes: "byte 0" },
  { name: "not a tar", bytes: Buffer.alloc(2048, "hello "), code: "ARCHIVE_CHECKSUM", quotes: "not a tar" },
  {
    name: "size that is no number",
    bytes: tarOf(block({ size: base256(0x39) })),
    code: "ARCHIVE_HEADER",
    quotes: "size",
  },
  {
    name: "negative size",
    bytes: tarOf(block({ size: base256(0xff, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255) })),
    code: "ARCHIVE_HEADER",
    quotes: "-1",
  },
  {
    name: "absurd size",
    bytes: tarOf(block({ size: base256(0x80, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255) })),
    code: "ARCHIVE_HEADER",
    quotes: "out of range",
  },
  {
    name: "absurd PAX size",
    bytes: tarOf(pax("x", "size=99999999999999999999"), block({})),
    code: "ARCHIVE_HEADER",
    quotes: "out of range",
  },
  {
    name: "PAX size in words",
    bytes: tarOf(pax("x", "size=1e3"), block({})),
    code: "ARCHIVE_HEADER",
    quotes: "1e3",
  },
  { name: "negative uid", bytes: tarOf(pax("x", "uid=-1"), block({})), code: "ARCHIVE_HEADER", quotes: "-1" },
  {
    name: "uid of chown's no change",
    bytes: tarOf(pax("x", "uid=4294967295"), block({})),
    code: "ARCHIVE_HEADER",
    quotes: "4294967295",
  },
  {
    name: "directory with content",
    bytes: tarOf(block({ type: "5", size: 512 }), Buffer.alloc(512)),
    code: "ARCHIVE_HEADER",
    quotes: "512 bytes",
  },
  {
    name: "symlink with content",
    bytes: tarOf(block({ type: "2", link: "b", size: 1 }), padded("x")),
    code: "ARCHIVE_HEADER",
    quotes: "1 bytes",
  },
  {
    name: "two long names",
    bytes: tarOf(pax("x", "path=b"), gnuLong("L", "c"), block({})),
    code: "ARCHIVE_HEADER",
    quotes: "both",
  },
  { name: "GNU sparse file", bytes: tarOf(block({ type: "S" })), code: "ARCHIVE_UNSUPPORTED", quotes: '"S"' },
  {
    name: "PAX sparse file",
    bytes: tarOf(pax("x", "GNU.sparse.major=1"), block({})),
    code: "ARCHIVE_UNSUPPORTED",
    quotes: "sparse",
  },
  { name: "unknown type", bytes: tarOf(block({ type: "Z" })), code: "ARCHIVE_UNSUPPORTED", quotes: '"Z"' },
  {
    name: "global path",
    bytes: tarOf(pax("g", "path=b"), block({})),
    code: "ARCHIVE_UNSUPPORTED",
    quotes: "global",
  },
  {
    name: "PAX record that runs over",
    bytes: tarOf(extended("x", Buffer.from("99 path=b\n")), block({})),
    code: "ARCHIVE_HEADER",
    quotes: "malformed",
  },
  {
    name: "PAX record that is short",
    bytes: tarOf(extended("x", Buffer.from("5 path=b\n")), block({})),
    code: "ARCHIVE_HEADER",
    quotes: "malformed",
  },
  {
    name: "PAX record without a key",
    bytes: tarOf(extended("x", Buffer.from("5 =b\n")), block({})),
    code: "ARCHIVE_HEADER",
    quotes: "no key",
  },
  {
    name: "end after an extended header",
    bytes: tarOf(pax("x", "path=b")),
    code: "ARCHIVE_HEADER",
    quotes: "extended header",
  },
  { name: "empty input", bytes: Buffer.alloc(0), code: "ARCHIVE_TRUNCATED", quotes: "0 bytes" },
  {
    name: "huge PAX header",
    bytes: tarOf(block({ type: "x", size: 2 ** 21 })),
    code: "ARCHIVE_LIMIT",
    quotes: "2097152",
  },
  {
    name: "many PAX headers",
    bytes: tarOf(pax("x", "a=b"), pax("x", "a=b"), block({})),
    code: "ARCHIVE_LIMIT",
    quotes: "12",
    limits: { maxHeaderBytes: 10 },
  },
  {
    name: "many global headers",
    bytes: tarOf(pax("g", "a=b"), block({}), pax("g", "c=d"), block({})),
    code: "ARCHIVE_LIMIT",
    quotes: "global",
    limits: { maxHeaderBytes: 10 },
  },
  {
    name: "path longer than PATH_MAX",
    bytes: tarOf(pax("x", `path=${"a/".repeat(2100)}`), block({})),
    code: "ARCHIVE_LIMIT",
    quotes: "4096",
  },
  {
    name: "too many members",
    bytes: tarOf(block({}), block({}), block({})),
    code: "ARCHIVE_LIMIT",
    quotes: "2 members",
    limits: { maxEntries: 2 },
  },
  {
    name: "too many bytes",
    bytes: tarOf(block({ size: 5000 }), Buffer.alloc(5120)),
    code: "ARCHIVE_LIMIT",
    quotes: "4000",
    limits: { maxTotalBytes: 4000 },
  },
  {
    name: "endless zeros behind the end",
    bytes: Buffer.alloc(99_999),
    code: "ARCHIVE_LIMIT",
    quotes: "20000",
    limits: { maxTotalBytes: 20_000 },
  },
  {
    name: "same path twice",
    bytes: tarOf(block({ name: "a" }), block({ name: "./a" })),
    code: "ARCHIVE_DUPLICATE",
    quotes: '"a"',
    limits: { refuseDuplicates: true },
  },
];

test.for(hostile)("$name is refused with $code", async ({ bytes, code, quotes, limits }) => {
  await expect(readAll(bytes, limits)).rejects.toMatchObject({
    name: "CambiumError",
    code,
    message: expect.stringContaining(quotes),
    hint: expect.any(String),
  });
});

test("random damage gives a named error or members, never anything else", async () => {
  const good = tarOf(
    pax("x", "path=b", "size=700"),
    block({ size: 700 }),
    padded("y".repeat(700)),
    block({ name: "c" }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      async (edits) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of edits) bytes[at] = value;
        // Sealing again lets the damage get past the checksum.
        for (const at of [0, 1024, 2560]) sealed(bytes.subarray(at, at + 512));
        await readAll(bytes).catch((error: unknown) =>
          expect(error).toMatchObject({ code: expect.stringMatching(/^ARCHIVE_/) }),
        );
      },
    ),
    { numRuns: 300 },
  );
});
