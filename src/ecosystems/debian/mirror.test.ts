import { expect, test } from "vitest";
import { treeOf } from "../../../tests/support/tree.ts";
import { deb822Sources, debUrls, oneLineSources, resolveMirrors } from "./mirror.ts";

const deb = {
  name: "g++",
  version: "4:12.2.0-3",
  architecture: "amd64",
  sha256: "sha256:0" as never,
  sizeBytes: 1,
  path: "pool/main/g/gcc-defaults/g++_12.2.0-3~x_amd64.deb",
  archive: "debian",
} as const;

test("both formats of apt's sources are read, disabled and source entries are not", () => {
  using apt = treeOf({
    "sources.list":
      "# comment\ndeb [arch=amd64 signed-by=/usr/share/k.gpg] http://mirror.example/debian/ bookworm main\n" +
      "deb-src http://mirror.example/src bookworm main\ndeb http://mirror.example/debian bookworm-updates main\n",
    "sources.list.d/security.sources":
      "Types: deb deb-src\nURIs: https://security.example/debian-security\nSuites: bookworm-security\n\n" +
      "Types: deb\nURIs: http://off.example/debian\nSuites: bookworm\nEnabled: no\n",
    "sources.list.d/vendor.list": "deb http://vendor.example/apt vendor-bookworm main\n",
    "sources.list.d/backup.sources.bak": "Types: deb\nURIs: http://bak.example\nSuites: bookworm\n",
    "sources.list.d/broken.sources": "what is this\n",
  });
  expect(resolveMirrors({ aptFolder: apt.path })).toEqual({
    debian: ["http://mirror.example/debian"],
    "debian-security": [
      "https://security.example/debian-security",
      "http://mirror.example/debian-security",
      "http://mirror.example/debian/debian-security",
    ],
  });
});

test("a machine without Debian's sources is an environment error with the way out", () => {
  using apt = treeOf({ "sources.list": "deb http://archive.example/ubuntu noble main\n" });
  expect(() => resolveMirrors({ aptFolder: apt.path })).toThrow(
    expect.objectContaining({
      code: "MIRROR_UNKNOWN",
      exitCode: 3,
      hint: expect.stringContaining("--debian-mirror"),
    }),
  );
  expect(() => resolveMirrors({ aptFolder: `${apt.path}/absent` })).toThrow(
    expect.objectContaining({ code: "MIRROR_UNKNOWN" }),
  );
});

test("a setting goes before apt's sources; security is beside it unless given", () => {
  expect(resolveMirrors({ setting: "https://mirror.example/debian/" })).toEqual({
    debian: ["https://mirror.example/debian", "https://mirror.example/debian/debian"],
    "debian-security": [
      "https://mirror.example/debian-security",
      "https://mirror.example/debian/debian-security",
    ],
  });
  expect(resolveMirrors({ setting: "http://a.example/d, http://b.example/s" })["debian-security"]).toEqual([
    "http://b.example/s",
  ]);
});

test.for([
  "not a url",
  "ftp://mirror.example/debian",
  "file:///srv/debian",
  "http://a.example http://b.example http://c.example",
])("the setting %j is refused", (setting) => {
  expect(() => resolveMirrors({ setting })).toThrow(
    expect.objectContaining({ code: "MIRROR_SYNTAX", exitCode: 2 }),
  );
});

test("a setting that is refused is not repeated, since it may hold a password", () => {
  expect(() => resolveMirrors({ setting: "user:secret@mirror" })).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining("secret") }),
  );
});

test("a package's URLs are below every mirror, + and ~ as they are", () => {
  const mirrors = { debian: ["http://a.example/debian", "http://b.example"], "debian-security": [] };
  expect(debUrls(deb, mirrors)).toEqual([
    "http://a.example/debian/pool/main/g/gcc-defaults/g++_12.2.0-3~x_amd64.deb",
    "http://b.example/pool/main/g/gcc-defaults/g++_12.2.0-3~x_amd64.deb",
  ]);
});

test("entries keep their order", () => {
  expect(
    oneLineSources("deb http://a.example x y\ndeb http://b.example z w\n").map(({ uri }) => uri),
  ).toEqual(["http://a.example", "http://b.example"]);
  expect(
    deb822Sources("Types: deb\nURIs: http://a.example http://b.example\nSuites: s t\n", "x"),
  ).toHaveLength(4);
});
