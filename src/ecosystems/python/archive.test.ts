import fc from "fast-check";
import { expect, test } from "vitest";
import { fromBufferPromise } from "yauzl";
import { type ZipMember, type ZipOptions, zip } from "../../../tests/support/zip.ts";
import { ARCHIVE_LIMITS, readArchive } from "./archive.ts";
import { archiveInMemory } from "./zip/archive-file.ts";

const W = "demo-1.0-py3-none-any.whl";

function members(list: readonly ZipMember[], options?: ZipOptions) {
  return readArchive(archiveInMemory(zip(list, options), W), W).members;
}

const hello = { name: "a/hello.py", content: "print('hello')\n" } as const;

test("a member's compressed bytes are where the listing says", () => {
  const bytes = zip([
    { name: "first", content: "x" },
    { ...hello, method: "stored" },
  ]);
  const archive = readArchive(archiveInMemory(bytes, W), W);
  const member = archive.members[1]!;
  expect(bytes.subarray(member.dataOffset, member.dataOffset + member.compressedBytes).toString()).toBe(
    hello.content,
  );
  expect(member).toMatchObject({
    path: "a/hello.py",
    compression: "stored",
    sizeBytes: 15,
    unixMode: 0o100644,
  });
});

test.each([
  ["with a signed descriptor", { descriptor: "signed" }, {}],
  ["with an unsigned descriptor", { descriptor: "unsigned" }, {}],
  ["with zip64 sizes", { zip64: true }, {}],
  ["with zip64 sizes and a signed descriptor", { zip64: true, descriptor: "signed" }, {}],
  ["with zip64 sizes and an unsigned descriptor", { zip64: true, descriptor: "unsigned" }, {}],
  ["with a zip64 end record", {}, { zip64End: true }],
  ["with a comment at its end", {}, { comment: "made by hand" }],
  ["stored", { method: "stored" }, {}],
] as const)("an archive %s lists as the plain one does", (_, form, options) => {
  const plain = members([hello, { name: "b" }]);
  const other = members(
    [
      { ...hello, ...form },
      { name: "b", ...form },
    ],
    options,
  );
  const shown = ({ name, path, sizeBytes, crc32 }: (typeof plain)[number]) => ({
    name,
    path,
    sizeBytes,
    crc32,
  });
  expect(other.map(shown)).toEqual(plain.map(shown));
});

test.each([
  ["./a.py", "a.py"],
  ["a//b.py", "a/b.py"],
  ["a/./b.py", "a/b.py"],
])("%s means %s", (name, path) => {
  expect(members([{ name, content: "x" }])[0]).toMatchObject({ name, path });
});

test("names without the UTF-8 flag are code page 437, as Python reads them", () => {
  expect(members([{ name: Buffer.from([0x82, 0x2e, 0x70, 0x79]) }])[0]!.path).toBe("é.py");
});

const traversal: [string, string][] = [
  ["../evil.py", "'..' part"],
  ["a/../../evil.py", "'..' part"],
  ["a/..", "'..' part"],
  ["/etc/passwd", "is absolute"],
  ["//host/share", "is absolute"],
  ["..\\evil.py", "backslash"],
  ["a\\b", "backslash"],
  ["C:/evil.py", "drive letter"],
  ["c:evil.py", "drive letter"],
];
test.each(traversal)("%s is refused: it %s", (name, reason) => {
  expect(() => members([hello, { name }])).toThrow(
    expect.objectContaining({
      code: "ARCHIVE_TRAVERSAL",
      message: expect.stringMatching(
        new RegExp(`^${W}: member name ${JSON.stringify(name).replace(/\W/g, "\\$&")} .*${reason}`),
      ),
    }),
  );
});

test.each<[string, string | Uint8Array]>([
  ["a NUL", "a\0.py"],
  ["a line break", "a\n.py"],
  ["nothing at all", ""],
  ["only dots and slashes", "././"],
  ["a part of 256 bytes", "x".repeat(256)],
  ["4001 bytes", `${"x".repeat(200)}/`.repeat(20)],
])("a name with %s is refused", (_, name) => {
  expect(() => members([{ name }])).toThrow(expect.objectContaining({ code: "ARCHIVE_NAME" }));
});

test("a name that is not UTF-8 but flagged so is refused", () => {
  const name = Buffer.from([0xff, 0xfe]);
  const lie = { flags: 0x800 };
  expect(() => members([{ name, local: lie, central: lie }])).toThrow(
    expect.objectContaining({ code: "ARCHIVE_NAME" }),
  );
});

test.each<[string, ZipMember[], string, string]>([
  ["twice the same name", [{ name: "a" }, { name: "a" }], "a", "a"],
  ["names with one meaning", [{ name: "a/b" }, { name: "a/./b" }], "a/b", "a/./b"],
  ["a file that is a directory elsewhere", [{ name: "a" }, { name: "a/b" }], "a", "a/b"],
  ["the same the other way round", [{ name: "a/b/c/d" }, { name: "a/b" }], "a/b", "a/b/c/d"],
  ["a file and a directory of one name", [{ name: "a" }, { name: "a/" }], "a", "a/"],
])("%s are refused, both named", (_, list, first, second) => {
  expect(() => members(list)).toThrow(
    expect.objectContaining({
      code: "ARCHIVE_DUPLICATE",
      message: `${W}: members ${JSON.stringify(first)} and ${JSON.stringify(second)} cannot both be unpacked`,
    }),
  );
});

test("directories beside their files are no duplicates, and names differing in case are two", () => {
  expect(members([{ name: "a/", mode: 0o040755 }, { name: "a/b" }, { name: "A/b" }])).toHaveLength(3);
});

test.each([
  ["a symlink", 0o120777],
  ["a character device", 0o020666],
  ["a FIFO", 0o010644],
  ["a directory without its slash", 0o040755],
])("%s is refused with its mode", (_, mode) => {
  expect(() => members([{ name: "link", content: "/etc/passwd", mode }])).toThrow(
    expect.objectContaining({
      code: "ARCHIVE_LINK",
      message: expect.stringContaining(`0${mode.toString(8)}`),
    }),
  );
});

test.each<[string, ZipMember]>([
  ["name", { ...hello, local: { name: "b/hello.py" } }],
  ["name", { ...hello, local: { name: "a/hello.p" } }],
  ["method", { ...hello, local: { method: 0 } }],
  ["size", { ...hello, local: { sizeBytes: 14 } }],
  ["compressed size", { ...hello, local: { compressedBytes: 3 } }],
  ["CRC", { ...hello, local: { crc32: 1 } }],
  ["flags", { ...hello, local: { flags: 0 } }],
  ["size", { ...hello, descriptor: "signed", local: { sizeBytes: 14 } }],
  ["CRC", { ...hello, zip64: true, local: { crc32: 1 } }],
])("a local header with another %s is refused", (what, member) => {
  expect(() => members([{ name: "first" }, member])).toThrow(
    expect.objectContaining({
      code: "ARCHIVE_HEADER_MISMATCH",
      message: expect.stringMatching(
        new RegExp(`member "a/hello.py": ${what} .* in its header, .* in the directory`),
      ),
    }),
  );
});

test.each<[string, ZipMember[], ZipOptions?]>([
  ["bytes before the archive", [hello], { prefix: Buffer.from("#!/bin/sh\n") }],
  ["bytes after the archive", [hello], { suffix: Buffer.from("junk") }],
  ["a second end record in the comment", [hello], { comment: `PK\x05\x06${"\0".repeat(30)}` }],
  ["too few members declared", [hello, { name: "b" }], { end: { count: 1 } }],
  ["too many members declared", [hello], { end: { count: 2 } }],
  ["a directory elsewhere", [hello], { end: { offset: 0 } }],
  ["a directory cut short", [hello], { end: { bytes: 40 } }],
  ["a member whose header is another's", [hello, { name: "b", central: { offset: 0 } }]],
  ["a member whose header is in the directory", [{ ...hello, central: { offset: 70 } }]],
  [
    "a member that reaches into the directory",
    [{ ...hello, local: { compressedBytes: 80 }, central: { compressedBytes: 80 } }],
  ],
  ["a descriptor that disagrees", [{ ...hello, descriptor: "signed", central: { crc32: 5 } }]],
  ["more than deflate can hold", [{ ...hello, local: { sizeBytes: 1e6 }, central: { sizeBytes: 1e6 } }]],
  [
    "a stored size that is not the size",
    [{ ...hello, method: "stored", local: { sizeBytes: 3 }, central: { sizeBytes: 3 } }],
  ],
  ["content in a directory", [{ name: "a/", content: "x", mode: 0o040755 }]],
  ["an extra field past its header", [{ ...hello, central: { extra: Buffer.from([1, 0, 9, 0, 0]) } }]],
  ["two zip64 fields", [{ ...hello, central: { extra: Buffer.from([1, 0, 0, 0, 1, 0, 0, 0]) } }]],
])("%s is refused", (_, list, options) => {
  expect(() => members(list, options)).toThrow(expect.objectContaining({ code: "ARCHIVE_HEADER_MISMATCH" }));
});

test("members that overlap are refused, both named", () => {
  // A quoted overlap: the first member's content is the second one's header and content.
  const inner = zip([{ name: "inner", content: "x".repeat(100), method: "stored" }]).subarray(0, 135);
  const outer: ZipMember = { name: "outer", content: inner, method: "stored" };
  const list: ZipMember[] = [outer, { name: "inner", content: "x".repeat(100), method: "stored" }];
  const bytes = zip([list[0]!, { ...list[1]!, central: { offset: 35 } }]);
  expect(() => readArchive(archiveInMemory(bytes, W), W)).toThrow(
    expect.objectContaining({
      code: "ARCHIVE_HEADER_MISMATCH",
      message: `${W}: members "outer" and "inner" overlap`,
    }),
  );
});

test.each<[string, ZipMember]>([
  ["is encrypted", { ...hello, local: { flags: 1 }, central: { flags: 1 } }],
  ["is encrypted", { ...hello, local: { flags: 0x2001 }, central: { flags: 0x2001 } }],
  ["compression method 93", { ...hello, method: 93, compressed: Buffer.from("x") }],
  ["compression method 9", { ...hello, method: 9, compressed: Buffer.from("x") }],
])("a member that %s is not supported", (what, member) => {
  expect(() => members([member])).toThrow(
    expect.objectContaining({ code: "ARCHIVE_UNSUPPORTED", message: expect.stringContaining(what) }),
  );
});

test("declared content beyond the limits is refused before anything is inflated", () => {
  const bytes = zip([hello, { name: "b", content: "0".repeat(1000) }]);
  const limits = { ...ARCHIVE_LIMITS, totalBytes: 1000 };
  expect(() => readArchive(archiveInMemory(bytes, W), W, limits)).toThrow(
    expect.objectContaining({
      code: "ARCHIVE_LIMIT",
      message: expect.stringContaining("declare 1015 bytes"),
    }),
  );
});

test("a wheel cut anywhere is refused, never half read", () => {
  const bytes = zip([hello, { name: "b", content: "y" }], { zip64End: true });
  for (let length = 0; length < bytes.length; length++) {
    expect(() => readArchive(archiveInMemory(bytes.subarray(0, length), W), W)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ARCHIVE_(TRUNCATED|HEADER_MISMATCH)$/) }),
    );
  }
});

test("any byte of the listing changed gives a named error or a listing, never another failure", () => {
  const bytes = zip([hello, { name: "b", content: "y", descriptor: "signed" }, { name: "c", zip64: true }]);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(bytes);
      changed[at]! ^= change;
      try {
        readArchive(archiveInMemory(changed, W), W);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ARCHIVE_/), hint: expect.any(String) });
      }
    }),
    { numRuns: 2000 },
  );
});

test("what yauzl lists, this lists: names, sizes, CRC, method, for any mix of forms", async () => {
  const member = fc.record({
    content: fc.string({ maxLength: 200 }),
    method: fc.constantFrom("stored", "deflate"),
    zip64: fc.boolean(),
    mode: fc.constantFrom(0, 0o644, 0o100644, 0o100755, 0o100777),
  });
  const name = fc.stringMatching(/^[a-zé_]{1,8}(\/[a-z]{1,3}\.py)$/);
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(name, { minLength: 1, maxLength: 8 }),
      fc.array(member, { minLength: 8, maxLength: 8 }),
      async (names, forms) => {
        const bytes = zip(names.map((it, index): ZipMember => ({ name: it, ...(forms[index] as object) })));
        const theirs: unknown[] = [];
        const zipfile = await fromBufferPromise(bytes);
        for await (const entry of zipfile.eachEntry()) {
          theirs.push([
            entry.fileName,
            entry.uncompressedSize,
            entry.compressedSize,
            entry.crc32,
            entry.compressionMethod,
          ]);
        }
        const ours = readArchive(archiveInMemory(bytes, W), W).members.map((it) => [
          it.name,
          it.sizeBytes,
          it.compressedBytes,
          it.crc32,
          it.compression === "stored" ? 0 : 8,
        ]);
        expect(ours).toEqual(theirs);
      },
    ),
    { numRuns: 50 },
  );
});
