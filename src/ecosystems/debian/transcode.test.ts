import { writeFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import { debOf, lockedDeb, type TarMember } from "../../../tests/support/deb.ts";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import { type Digest, digestOf } from "../../layer/digest.ts";
import type { Segment } from "../../layer/segment.ts";
import type { KeptPart } from "./paths.ts";
import { transcodeDeb } from "./transcode.ts";

type Transcoded = { readonly segment: Segment; text(path: string): string | undefined };

async function transcode(bytes: Uint8Array, keep: readonly KeptPart[] = []): Promise<Transcoded> {
  using folder = temporaryFolder();
  const archivePath = folder.at("sample.deb");
  writeFileSync(archivePath, bytes);
  const blobs = new Map<Digest, Uint8Array>();
  const put = (blob: Uint8Array): Digest => {
    const digest = digestOf(blob);
    blobs.set(digest, Uint8Array.from(blob));
    return digest;
  };
  const deb = lockedDeb(bytes);
  const { segment } = await transcodeDeb({ archive: deb.sha256, archivePath, deb, keep }, { put });
  return {
    segment,
    text(path) {
      const entry = segment.entries.find((one) => one.path === path);
      if (entry?.type !== "file") return undefined;
      const { payload } = entry;
      const blob = payload && blobs.get(payload.blob);
      if (payload === undefined || blob === undefined) return "";
      return inflateRawSync(blob.subarray(payload.offset, payload.offset + payload.length)).toString();
    },
  };
}

function linesOf(segment: Segment): string[] {
  return segment.entries
    .filter((entry) => !entry.path.startsWith("var/lib/dpkg/"))
    .map((entry) => `${entry.type} ${entry.path}${"target" in entry ? ` > ${entry.target}` : ""}`);
}

const SYSTEM: readonly TarMember[] = [
  { name: "./", type: "directory" },
  { name: "./lib/", type: "directory" },
  { name: "./lib/x86_64-linux-gnu/", type: "directory" },
  { name: "./lib/x86_64-linux-gnu/libz.so.1", type: "symlink", target: "libz.so.1.2.13" },
  { name: "./lib/x86_64-linux-gnu/libz.so.1.2.13", content: "elf" },
  {
    name: "./lib64/ld-linux-x86-64.so.2",
    type: "symlink",
    target: "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
  },
  { name: "./usr/lib/", type: "directory" },
  { name: "./bin/touch", content: "touch", mode: 0o755 },
  { name: "./usr/bin/touch", type: "symlink", target: "/bin/touch" },
  { name: "./var/run/", type: "directory" },
  { name: "./sbin/hard", type: "hardlink", target: "./bin/touch" },
];

test("every path stands under merged /usr, targets of hard links too, those of symlinks as written", async () => {
  const { segment } = await transcode(debOf(SYSTEM));
  expect(linesOf(segment)).toEqual([
    "directory run",
    "file usr/bin/touch",
    "directory usr/lib",
    "directory usr/lib/x86_64-linux-gnu",
    "symlink usr/lib/x86_64-linux-gnu/libz.so.1 > libz.so.1.2.13",
    "file usr/lib/x86_64-linux-gnu/libz.so.1.2.13",
    "symlink usr/lib64/ld-linux-x86-64.so.2 > /lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "hardlink usr/sbin/hard > usr/bin/touch",
  ]);
});

test("links that stand for merged directories are left alone", async () => {
  const { segment } = await transcode(debOf([{ name: "./bin", type: "symlink", target: "usr/bin" }]));
  expect(linesOf(segment)).toEqual(["symlink bin > usr/bin"]);
});

test("modes, owners and special bits are as packed, times constant", async () => {
  const { segment } = await transcode(
    debOf([
      { name: "./usr/bin/su", content: "su", mode: 0o4755 },
      { name: "./var/local/", type: "directory", mode: 0o2775, gid: 50 },
      { name: "./var/tmp/", type: "directory", mode: 0o1777 },
    ]),
  );
  expect(segment.mtimeSec).toBe(315619200);
  expect(segment.entries.filter((entry) => !entry.path.startsWith("var/lib"))).toMatchObject([
    { path: "usr/bin/su", mode: 0o4755, uid: 0, gid: 0 },
    { path: "var/local", mode: 0o2775, gid: 50 },
    { path: "var/tmp", mode: 0o1777 },
  ]);
});

const DOCUMENTED: readonly TarMember[] = [
  { name: "./usr/share/doc/sample/", type: "directory" },
  { name: "./usr/share/doc/sample/copyright", content: "MIT" },
  { name: "./usr/share/doc/sample/changelog.gz", content: "x" },
  { name: "./usr/share/doc/sample/examples/", type: "directory" },
  { name: "./usr/share/doc/sample/examples/copyright", content: "x" },
  { name: "./usr/share/doc/libsample", type: "symlink", target: "sample" },
  { name: "./usr/share/man/man1/sample.1.gz", content: "x" },
  { name: "./usr/share/info/sample.info.gz", content: "x" },
  { name: "./usr/share/locale/de/LC_MESSAGES/sample.mo", content: "x" },
  { name: "./usr/share/locale/locale.alias", content: "x" },
  { name: "./usr/lib/locale/C.utf8/LC_CTYPE", content: "x" },
];

test("manuals, info, catalogues and documents are left out, licences kept", async () => {
  expect(linesOf((await transcode(debOf(DOCUMENTED))).segment)).toEqual([
    "file usr/lib/locale/C.utf8/LC_CTYPE",
    "symlink usr/share/doc/libsample > sample",
    "file usr/share/doc/sample/copyright",
    "file usr/share/locale/locale.alias",
  ]);
});

test("what is to be kept is kept, and stands in the recipe whatever its order", async () => {
  const all = await transcode(debOf(DOCUMENTED), ["man", "info", "locale", "doc"]);
  expect(linesOf(all.segment)).toHaveLength(DOCUMENTED.length);
  const again = await transcode(debOf(DOCUMENTED), ["doc", "locale", "man", "info", "man"]);
  expect(again.segment.id).toBe(all.segment.id);
  expect((await transcode(debOf(DOCUMENTED))).segment.id).not.toBe(all.segment.id);
});

test("a hard link to a file that is left out brings the content itself", async () => {
  const { segment, text } = await transcode(
    debOf([
      { name: "./usr/share/doc/sample/data", content: "shared" },
      { name: "./usr/share/sample/data", type: "hardlink", target: "./usr/share/doc/sample/data" },
    ]),
  );
  expect(linesOf(segment)).toEqual(["file usr/share/sample/data"]);
  expect(text("usr/share/sample/data")).toBe("shared");
});

test("the file of hard links is the path that sorts first", async () => {
  const { segment } = await transcode(
    debOf([
      { name: "./usr/bin/z", content: "x" },
      { name: "./usr/bin/a", type: "hardlink", target: "./usr/bin/z" },
    ]),
  );
  expect(linesOf(segment)).toEqual(["file usr/bin/a", "hardlink usr/bin/z > usr/bin/a"]);
});

test("scanners find the control file and the checksums of what is there", async () => {
  const sum = "d41d8cd98f00b204e9800998ecf8427e";
  const md5sums = `${sum}  bin/tool\n${sum}  usr/share/man/man1/tool.1.gz\n`;
  const { text } = await transcode(
    debOf([{ name: "./bin/tool" }, { name: "./usr/share/man/man1/tool.1.gz" }], { control: { md5sums } }),
  );
  expect(text("var/lib/dpkg/status.d/sample")).toBe(
    "Package: sample\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: all\nDescription: a sample\n",
  );
  expect(text("var/lib/dpkg/status.d/sample.md5sums")).toBe(`${sum}  usr/bin/tool\n`);
});

test("layout 1: these bytes do not move", async () => {
  const { segment } = await transcode(debOf(SYSTEM, { compression: "zst" }));
  expect(digestOf(JSON.stringify(segment.entries))).toMatchInlineSnapshot(
    `"sha256:2d29ad8bac6e552cc91760382d334d9a3c6d9db230523e73af34686c94eb5ffb"`,
  );
});

const refused: readonly (readonly [
  name: string,
  members: readonly TarMember[],
  code: string,
  quotes: string,
])[] = [
  ["a device", [{ name: "./dev/null", type: "character" }], "DEB_MEMBER", "dev/null"],
  ["a pipe", [{ name: "./run/pipe", type: "fifo" }], "DEB_MEMBER", "run/pipe"],
  ["a hard link to nothing", [{ name: "./a", type: "hardlink", target: "./b" }], "DEB_MEMBER", "b"],
  [
    "two files that merge into one",
    [
      { name: "./bin/x", content: "1" },
      { name: "./usr/bin/x", content: "2" },
    ],
    "DEB_MEMBER",
    "usr/bin/x",
  ],
  ["traversal", [{ name: "./usr/../../etc/x" }], "ARCHIVE_TRAVERSAL", "sample"],
  [
    "a hard link out of the root",
    [{ name: "./a", type: "hardlink", target: "../b" }],
    "ARCHIVE_TRAVERSAL",
    "sample",
  ],
];

test.for(refused)("%s is refused with the value", async ([, members, code, quotes]) => {
  await expect(transcode(debOf(members))).rejects.toMatchObject({
    code,
    message: expect.stringContaining(quotes),
  });
});

test("an archive that is not the locked one is refused", async () => {
  const bytes = debOf([]);
  const input = { archive: digestOf("other"), archivePath: "/nowhere", deb: lockedDeb(bytes), keep: [] };
  await expect(transcodeDeb(input, { put: digestOf })).rejects.toMatchObject({ code: "DIGEST_INVALID" });
});
