import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { expect, test } from "vitest";
import { HAND_MADE_MTIME, type HandMade, layerOf } from "../../../tests/support/layers.ts";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import { extractRootfs } from "./rootfs.ts";

const extract = (dest: string, ...layers: HandMade[][]) =>
  extractRootfs({ layers: layers.map((entries) => layerOf(...entries)) }, dest, () => undefined, {
    keepsOwners: false,
  });

test("files, links, modes and times are as the layers say", async () => {
  using folder = temporaryFolder();
  const dest = folder.at("root");
  await extract(dest, [
    { path: "bin", directory: true, mode: 0o555 },
    { path: "bin/run", file: "#!", mode: 0o4755 },
    { path: "bin/hard", hardlink: "bin/run" },
    { path: "bin/soft", link: "run" },
    { path: "no/parent/stated", file: "x" },
  ]);
  expect(lstatSync(`${dest}/bin/run`).mode & 0o7777).toBe(0o4755);
  expect(lstatSync(`${dest}/bin`).mode & 0o7777).toBe(0o555);
  expect(statSync(`${dest}/bin/hard`).ino).toBe(statSync(`${dest}/bin/run`).ino);
  expect(readlinkSync(`${dest}/bin/soft`)).toBe("run");
  for (const path of ["bin", "bin/run", "bin/soft"])
    expect(lstatSync(`${dest}/${path}`).mtimeMs).toBe(HAND_MADE_MTIME * 1000);
  expect(lstatSync(`${dest}/no/parent`).mode & 0o7777).toBe(0o755);
});

test("names that are no UTF-8 are the bytes that they were", async () => {
  using folder = temporaryFolder();
  const dest = folder.at("root");
  const entries: HandMade[] = [
    { path: "d\udcff", directory: true },
    { path: "d\udcff/f\udcfe", file: "x" },
    { path: "l", link: "d\udcff" },
  ];
  await extract(dest, entries);
  const names = readdirSync(dest, { encoding: "latin1" }).sort();
  expect(names).toEqual(["d\xff", "l"]);
  expect(readlinkSync(`${dest}/l`, { encoding: "latin1" })).toBe("d\xff");
  expect(readdirSync(Buffer.from(`${dest}/d\xff`, "latin1"), { encoding: "latin1" })).toEqual(["f\xfe"]);
});

test("whiteouts hide what is below and spare what the same layer has", async () => {
  using folder = temporaryFolder();
  const dest = folder.at("root");
  await extract(
    dest,
    [
      { path: "d", directory: true },
      { path: "d/old", file: "1" },
      { path: "e/f/g", file: "1" },
      { path: "gone", file: "1" },
    ],
    [
      { path: "d", directory: true },
      { path: "d/new", file: "2" },
      { path: "d/.wh..wh..opq", file: "" },
      { path: ".wh.gone", file: "" },
      { path: ".wh.never", file: "" },
      { path: "e/.wh.f", file: "" },
    ],
  );
  expect(readdirSync(dest).sort()).toEqual(["d", "e"]);
  expect(readdirSync(`${dest}/d`)).toEqual(["new"]);
  expect(readdirSync(`${dest}/e`)).toEqual([]);
});

test("links lead somewhere inside, never out of the folder", async () => {
  using folder = temporaryFolder();
  const dest = folder.at("root");
  const outside = folder.at("outside");
  await extract(
    dest,
    [
      { path: "abs", link: outside },
      { path: "up", link: "../../../../../../../.." },
      { path: "lib", link: "usr/lib" },
      { path: "usr/lib", directory: true },
      { path: "again", hardlink: "up" },
    ],
    [
      { path: "abs/x", file: "1" },
      { path: "up/y", file: "2" },
      { path: "lib/z", file: "3" },
      { path: "again/w", file: "4" },
    ],
  );
  expect(existsSync(outside)).toBe(false);
  expect(readFileSync(`${dest}${outside}/x`, "utf8")).toBe("1");
  expect(readFileSync(`${dest}/y`, "utf8")).toBe("2");
  expect(readFileSync(`${dest}/usr/lib/z`, "utf8")).toBe("3");
  expect(readFileSync(`${dest}/w`, "utf8")).toBe("4");
  expect(readdirSync(folder.path)).toEqual(["root"]);
});

test("a file takes the place of a link instead of writing through it", async () => {
  using folder = temporaryFolder();
  const victim = folder.at("victim");
  writeFileSync(victim, "safe");
  const dest = folder.at("root");
  await extract(
    dest,
    [{ path: "f", link: victim }],
    [{ path: "f", file: "new" }],
    [{ path: "f", directory: true }],
  );
  expect(readFileSync(victim, "utf8")).toBe("safe");
  expect(lstatSync(`${dest}/f`).isDirectory()).toBe(true);
});

test.for<[string, HandMade[], string]>([
  [
    "links in a circle",
    [
      { path: "a", link: "b" },
      { path: "b", link: "a" },
      { path: "a/x", file: "" },
    ],
    "ROOTFS_PARENT",
  ],
  [
    "a file as parent",
    [
      { path: "a", file: "" },
      { path: "a/x", file: "" },
    ],
    "ROOTFS_PARENT",
  ],
  ["a hard link to nothing", [{ path: "a", hardlink: "b" }], "ROOTFS_LINK"],
  [
    "a hard link to a directory",
    [
      { path: "b", directory: true },
      { path: "a", hardlink: "b" },
    ],
    "ROOTFS_LINK",
  ],
])("%s is an error, and the folder is empty again", async ([, entries, code]) => {
  using folder = temporaryFolder();
  const first: HandMade = { path: "first", file: "1" };
  await expect(extract(folder.at("root"), [first, ...entries])).rejects.toMatchObject({ code });
  expect(readdirSync(folder.at("root"))).toEqual([]);
});

test("a folder that has something is not touched", async () => {
  using folder = temporaryFolder();
  writeFileSync(folder.at("mine"), "");
  await expect(extract(folder.path, [{ path: "a", file: "" }])).rejects.toMatchObject({
    code: "OUTPUT_EXISTS",
    exitCode: 2,
    message: expect.stringContaining("mine"),
  });
  expect(readdirSync(folder.path)).toEqual(["mine"]);
  await expect(extract(folder.at("mine", "x"), [])).rejects.toMatchObject({
    code: "OUTPUT_UNWRITABLE",
    exitCode: 3,
  });
});

test("owners that cannot be given are told in one notice", async () => {
  using folder = temporaryFolder();
  const notices: unknown[] = [];
  const layer = layerOf({ path: "a", file: "", owner: 7 }, { path: "b", file: "", owner: 8 });
  await extractRootfs({ layers: [layer] }, folder.at("r"), (event) => notices.push(event), {
    keepsOwners: false,
  });
  expect(notices).toMatchObject([
    { type: "notice", message: expect.stringContaining("2 entries belong to you") },
  ]);
});
