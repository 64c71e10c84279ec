import { expect, test } from "vitest";
import { arOf, debOf, tarOf } from "../../../tests/support/deb.ts";
import { contentOf, dataTar, parseDeb, readControl, readData } from "./archive.ts";

const data = [
  { name: "./", type: "directory" as const },
  { name: "./usr/bin/tool", content: "tool\n", mode: 0o755 },
];

async function pathsOf(bytes: Uint8Array): Promise<string[]> {
  const paths: string[] = [];
  const deb = parseDeb(bytes, "sample");
  for await (const entry of readData(deb, await dataTar(deb))) paths.push(entry.path);
  return paths;
}

test.for(["xz", "gz", "zst"] as const)("%s archives are read", async (compression) => {
  const deb = parseDeb(debOf(data, { compression, control: { postinst: "#!/bin/sh\n" } }), "sample");
  const control = await readControl(deb);
  expect(control.get("control")).toContain("Package: sample\n");
  expect(control.get("postinst")).toBe("#!/bin/sh\n");
  const contents: string[] = [];
  for await (const entry of readData(deb, await dataTar(deb)))
    contents.push(Buffer.from(await contentOf(entry)).toString());
  expect(contents).toEqual(["tool\n"]);
});

test("uncompressed archives, trailing slashes in names and _ members are read", async () => {
  const bytes = arOf([
    ["debian-binary/", Buffer.from("2.0\nmore\n")],
    ["_gpgorigin", Buffer.from("signature")],
    ["control.tar", tarOf([{ name: "control", content: "Package: a\n" }])],
    ["data.tar", tarOf(data)],
  ]);
  expect(await pathsOf(bytes)).toEqual(["usr/bin/tool"]);
});

const honest = debOf(data);
const parts = { version: Buffer.from("2.0\n"), control: tarOf([{ name: "control" }]), data: tarOf(data) };
const refused: readonly (readonly [name: string, bytes: Uint8Array, code: string])[] = [
  ["no ar archive", Buffer.from("PK\u0003\u0004"), "DEB_INVALID"],
  ["nothing", Buffer.alloc(0), "DEB_INVALID"],
  ["a header cut", honest.subarray(0, 40), "ARCHIVE_TRUNCATED"],
  ["a member cut", honest.subarray(0, honest.length - 10), "ARCHIVE_TRUNCATED"],
  [
    "an absurd size",
    Buffer.from(`!<arch>\n${"debian-binary".padEnd(48)}9999999999\`\n2.0\n`),
    "ARCHIVE_TRUNCATED",
  ],
  [
    "a size that is no number",
    Buffer.from(`!<arch>\n${"debian-binary".padEnd(48)}-1        \`\n2.0\n`),
    "DEB_INVALID",
  ],
  ["format 3", arOf([["debian-binary", Buffer.from("3.0\n")]]), "DEB_INVALID"],
  [
    "no data archive",
    arOf([
      ["debian-binary", parts.version],
      ["control.tar", parts.control],
    ]),
    "DEB_INVALID",
  ],
  [
    "members exchanged",
    arOf([
      ["debian-binary", parts.version],
      ["data.tar", parts.data],
      ["control.tar", parts.control],
    ]),
    "DEB_INVALID",
  ],
  [
    "a second data archive",
    arOf([
      ["debian-binary", parts.version],
      ["control.tar", parts.control],
      ["data.tar", parts.data],
      ["data.tar", parts.data],
    ]),
    "DEB_INVALID",
  ],
  [
    "lzma",
    arOf([
      ["debian-binary", parts.version],
      ["control.tar", parts.control],
      ["data.tar.lzma", Buffer.alloc(64)],
    ]),
    "ARCHIVE_UNSUPPORTED",
  ],
  [
    "gzip that is none",
    arOf([
      ["debian-binary", parts.version],
      ["control.tar", parts.control],
      ["data.tar.gz", Buffer.alloc(64)],
    ]),
    "ARCHIVE_TRUNCATED",
  ],
  [
    "a damaged xz",
    arOf([
      ["debian-binary", parts.version],
      ["control.tar", parts.control],
      ["data.tar.xz", Buffer.alloc(64)],
    ]),
    "XZ_INVALID",
  ],
];

test.for(refused)("%s is refused with its name", async ([, bytes, code]) => {
  await expect(pathsOf(bytes)).rejects.toMatchObject({ code, message: expect.stringContaining("sample") });
});

test.for([
  ["../../etc/passwd", "ARCHIVE_TRAVERSAL"],
  ["/etc/passwd", "ARCHIVE_TRAVERSAL"],
  ["./usr/../../x", "ARCHIVE_TRAVERSAL"],
])("a data member %s is refused", async ([name = "", code]) => {
  await expect(pathsOf(debOf([{ name }]))).rejects.toMatchObject({ code });
});

test("the same member twice is refused", async () => {
  await expect(pathsOf(debOf([{ name: "./a" }, { name: "a" }]))).rejects.toMatchObject({
    code: "ARCHIVE_DUPLICATE",
  });
});

test("a control archive without a control file is refused", async () => {
  const bytes = arOf([
    ["debian-binary", parts.version],
    ["control.tar", tarOf([{ name: "md5sums" }])],
    ["data.tar", parts.data],
  ]);
  await expect(readControl(parseDeb(bytes, "sample"))).rejects.toMatchObject({ code: "DEB_INVALID" });
});
