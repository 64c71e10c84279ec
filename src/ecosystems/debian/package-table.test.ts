import { expect, test } from "vitest";
import { packageStanza } from "../../../tests/support/debian-mirror.ts";
import {
  condenseIndex,
  essentialIn,
  namesIn,
  openTable,
  packagesNamed,
  providersOf,
} from "./package-table.ts";

function tableOf(...stanzas: string[]) {
  return openTable("debian", condenseIndex(Buffer.from(stanzas.join(""), "latin1")));
}

test("a stanza gives what resolving needs and what the lock pins", () => {
  const table = tableOf(
    packageStanza({
      Package: "libssl3",
      Version: "3.0.20-1~deb12u1",
      "Pre-Depends": "libgcc-s1",
      Depends: "libc6 (>= 2.34)",
      Provides: "libssl (= 3.0), ssl",
      Conflicts: "old-ssl",
      Breaks: "tool (<< 2)",
      Priority: "required",
      Size: "4711",
      Description: "left out",
    }),
  );
  const [one] = packagesNamed(table, "libssl3");
  expect(one?.deb).toMatchObject({
    name: "libssl3",
    version: "3.0.20-1~deb12u1",
    sizeBytes: 4711,
    archive: "debian",
  });
  expect(one?.deb.path).toBe("pool/main/l/libssl3/libssl3_3.0.20-1~deb12u1_amd64.deb");
  expect(one?.depends.map((group) => group[0]?.name)).toEqual(["libgcc-s1", "libc6"]);
  expect(one?.provides.map(({ name }) => name)).toEqual(["libssl", "ssl"]);
  expect(one?.conflicts.map(({ name }) => name)).toEqual(["old-ssl", "tool"]);
  expect([...providersOf(table, "ssl")]).toEqual(["libssl3"]);
  expect(table.bytes.includes("left out")).toBe(false);
});

test("several versions of a name stay apart, continuation lines join, other fields are skipped", () => {
  const folded = "Package: b\nVersion: 2\nDepends: x,\n y\nTag: one,\n two\nFilename: pool/b.deb\nSize: 1\n";
  const table = tableOf(
    packageStanza({ Package: "a", Version: "1" }),
    packageStanza({ Package: "a", Version: "2" }),
    `${folded}SHA256: ${"0".repeat(64)}\n\n`,
  );
  expect(packagesNamed(table, "a").map((one) => one.deb.version)).toEqual(["1", "2"]);
  expect(packagesNamed(table, "b")[0]?.depends.map((group) => group[0]?.name)).toEqual(["x", "y"]);
  expect(packagesNamed(table, "c")).toEqual([]);
});

test("an index without a last empty line loses nothing", () => {
  expect(condenseIndex(Buffer.from("Package: a\nVersion: 1")).toString()).toMatch(/^a\t1\t/);
});

test.for([
  ["Filename", "../../etc/passwd.deb"],
  ["Filename", "pool/../../x.deb"],
  ["Filename", "https://elsewhere.example/x.deb"],
  ["Size", "-1"],
  ["Size", "1e99"],
])("%s %j is refused", ([field = "", value = ""]) => {
  const table = tableOf(packageStanza({ Package: "a", [field]: value }));
  expect(() => packagesNamed(table, "a")).toThrow(expect.objectContaining({ code: "DEBIAN_INDEX_SYNTAX" }));
});

test("a hash that is none is refused", () => {
  const table = tableOf(packageStanza({ Package: "a", SHA256: "xyz" }));
  expect(() => packagesNamed(table, "a")).toThrow(expect.objectContaining({ code: "DIGEST_SYNTAX" }));
});

test("names are found whatever the order of the index, and none by its beginning", () => {
  const names = ["zsh", "lib-a", "lib", "liba", "lib-a", "lib+", "a"];
  const table = tableOf(...names.map((Package, index) => packageStanza({ Package, Version: `${index}` })));
  expect([...namesIn(table)]).toEqual(["a", "lib", "lib+", "lib-a", "liba", "zsh"]);
  for (const name of names) {
    const versions = names.flatMap((other, index) => (other === name ? [`${index}`] : []));
    expect(packagesNamed(table, name).map((one) => one.deb.version)).toEqual(versions);
  }
  expect(["li", "lib-", "zshx", "0"].flatMap((name) => packagesNamed(table, name))).toEqual([]);
});

test("a name counts as provided only where a package provides it, and only as a whole", () => {
  const table = tableOf(
    packageStanza({ Package: "awk", Depends: "awk", Conflicts: "awk" }),
    packageStanza({ Package: "mawk", Provides: "awk" }),
    packageStanza({ Package: "gawk", Depends: "awk", Provides: "gnu-awk, awk (= 5)" }),
    packageStanza({ Package: "original-awk", Provides: "awk-1,\n awk" }),
    packageStanza({ Package: "other", Provides: "awkward, hawk, awk-2" }),
  );
  expect([...providersOf(table, "awk")].sort()).toEqual(["gawk", "mawk", "original-awk"]);
  expect([...providersOf(table, "nothing")]).toEqual([]);
});

test("tells the packages that every system has", () => {
  const table = tableOf(
    packageStanza({ Package: "bash", Essential: "yes" }),
    packageStanza({ Package: "tricky", Breaks: "yes" }),
    packageStanza({ Package: "no", Essential: "no" }),
    packageStanza({ Package: "dash", Essential: "yes" }),
  );
  expect([...essentialIn(table)]).toEqual(["bash", "dash"]);
});
