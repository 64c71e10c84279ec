import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryFolder } from "../../../tests/support/temporary-folder.ts";
import { layeredView } from "./inside.ts";
import { lendSources } from "./lent-sources.ts";

type Folder = ReturnType<typeof temporaryFolder>;
let folder: Folder;
beforeEach(() => {
  folder = temporaryFolder();
  put("low/usr/bin/apt-get");
  put("low/usr/lib/os-release", 'ID=debian\nVERSION_CODENAME="trixie"\n');
  mkdirSync(folder.at("low/etc/apt/sources.list.d"), { recursive: true });
  symlinkSync("../usr/lib/os-release", folder.at("low/etc/os-release"));
  mkdirSync(folder.at("high"));
});
afterEach(() => folder[Symbol.dispose]());

function put(path: string, text = ""): void {
  mkdirSync(dirname(folder.at(path)), { recursive: true });
  writeFileSync(folder.at(path), text);
}

/** What the sources were asked for, if anything was lent. */
function lent(): unknown[] {
  const folders = [folder.at("low"), folder.at("high")];
  const asked: unknown[] = [];
  const mounts = lendSources(layeredView(folders), folders, (...question) => {
    asked.push(question);
    return [{ path: "/etc/apt/sources.list.d/lent.sources", text: "Types: deb\n" }];
  });
  expect(mounts.length).toBe(asked.length);
  for (const mount of mounts) {
    expect(mount).toMatchObject({
      ...{ type: "file", target: "/etc/apt/sources.list.d/lent.sources", mode: 0o644, uid: 0, gid: 0 },
      content: Buffer.from("Types: deb\n"),
    });
  }
  return asked;
}

test("an image with apt and no sources is lent some, for its release and with its keyring", () => {
  expect(lent()).toEqual([["trixie", undefined]]);
  put("high/usr/share/keyrings/debian-archive-keyring.gpg");
  expect(lent()).toEqual([["trixie", "/usr/share/keyrings/debian-archive-keyring.gpg"]]);
});

test.each([
  ["etc/apt/sources.list", "deb [trusted=yes] file:/srv ./\n"],
  ["etc/apt/sources.list.d/own.list", ""],
  ["etc/apt/sources.list.d/debian.sources", ""],
])("an image with %s is left alone", (path, text) => {
  put(`low/${path}`, text);
  expect(lent()).toEqual([]);
});

test("a list without an entry, another name and a list that a layer deletes are no sources", () => {
  put("low/etc/apt/sources.list", "# see sources.list.d\n");
  put("low/etc/apt/sources.list.d/README", "deb x y z\n");
  put("low/etc/apt/sources.list.d/own.list", "deb x y z\n");
  put("high/etc/apt/sources.list.d/.wh.own.list");
  expect(lent()).toHaveLength(1);
});

test.each(["ID=ubuntu\nVERSION_CODENAME=noble\n", "ID=debian\n", ""])(
  "a release of %j is lent nothing",
  (text) => {
    put("high/usr/lib/os-release", text);
    expect(lent()).toEqual([]);
  },
);
