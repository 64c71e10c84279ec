import { expect, test } from "vitest";
import { packageStanza } from "../../../tests/support/debian-mirror.ts";
import { closureOf } from "./closure.ts";
import type { LockedDeb } from "./lock.ts";
import { condenseIndex, openTable } from "./package-table.ts";
import { openUniverse } from "./universe.ts";

type Fields = Readonly<Record<string, string>> & { readonly Package: string };

function universeOf(
  main: readonly Fields[],
  security: readonly Fields[] = [],
  preferred: readonly LockedDeb[] = [],
) {
  const table = (fields: readonly Fields[]) =>
    condenseIndex(Buffer.from(fields.map(packageStanza).join(""), "latin1"));
  return openUniverse(
    [openTable("debian", table(main)), openTable("debian-security", table(security))],
    new Map(preferred.map((deb) => [deb.name, deb])),
  );
}

function closure(roots: readonly string[], main: readonly Fields[], ignored: readonly string[] = []) {
  return closureOf(roots, universeOf(main), new Set(ignored), "bookworm amd64").map((deb) => deb.name);
}

test("takes Pre-Depends and Depends, through circles, never Recommends", () => {
  const packages = [
    { Package: "app", Depends: "lib", "Pre-Depends": "base", Recommends: "extra" },
    { Package: "lib", Depends: "app" },
    { Package: "base" },
    { Package: "extra" },
  ];
  expect(closure(["app"], packages)).toEqual(["app", "base", "lib"]);
});

test("of alternatives takes what is chosen anyway, else the first possible", () => {
  const packages = [
    { Package: "app", Depends: "first | second" },
    { Package: "other", Depends: "second" },
    { Package: "first" },
    { Package: "second" },
  ];
  expect(closure(["app"], packages)).toEqual(["app", "first"]);
  expect(closure(["app", "other"], packages)).toEqual(["app", "other", "second"]);
  expect(
    closure(
      ["app"],
      packages.filter(({ Package }) => Package !== "first"),
    ),
  ).toEqual(["app", "second"]);
});

test("of providers takes the more important, then the first by name", () => {
  const packages = [
    { Package: "base", Depends: "awk" },
    { Package: "gawk", Provides: "awk" },
    { Package: "mawk", Provides: "awk", Priority: "required" },
    { Package: "aawk", Provides: "awk" },
  ];
  expect(closure(["base"], packages)).toEqual(["base", "mawk"]);
  expect(
    closure(
      ["base"],
      packages.filter(({ Package }) => Package !== "mawk"),
    ),
  ).toEqual(["aawk", "base"]);
});

test("a versioned dependency needs a versioned Provides", () => {
  const packages = [
    { Package: "app", Depends: "api (>= 2)" },
    { Package: "plain", Provides: "api" },
    { Package: "old", Provides: "api (= 1)" },
    { Package: "new", Provides: "api (= 2.1)" },
  ];
  expect(closure(["app"], packages)).toEqual(["app", "new"]);
});

test("takes the newest version over all tables, and pins its archive", () => {
  const universe = universeOf(
    [{ Package: "ssl", Version: "3.0.9" }],
    [{ Package: "ssl", Version: "3.0.11" }],
  );
  const [deb] = closureOf(["ssl"], universe, new Set(), "x");
  expect(deb).toMatchObject({ version: "3.0.11", archive: "debian-security" });
});

test("an earlier choice stays while an index has it", () => {
  const main = [{ Package: "ssl", Version: "3.0.9" }];
  const security = [{ Package: "ssl", Version: "3.0.11" }];
  const [earlier] = closureOf(["ssl"], universeOf(main), new Set(), "x");
  if (earlier === undefined) throw new Error("nothing chosen");
  const [kept] = closureOf(["ssl"], universeOf(main, security, [earlier]), new Set(), "x");
  expect(kept?.version).toBe("3.0.9");
  const [gone] = closureOf(["ssl"], universeOf([], security, [earlier]), new Set(), "x");
  expect(gone?.version).toBe("3.0.11");
});

test("ignored dependencies count as met", () => {
  const packages = [{ Package: "tzdata", Depends: "debconf (>= 0.5) | debconf-2.0" }, { Package: "debconf" }];
  expect(closure(["tzdata"], packages, ["debconf"])).toEqual(["tzdata"]);
});

test("an alternative that conflicts with what is chosen is passed over", () => {
  const packages = [
    { Package: "app", Depends: "first | second" },
    { Package: "first", Conflicts: "app" },
    { Package: "second" },
  ];
  expect(closure(["app"], packages)).toEqual(["app", "second"]);
});

test("the order asked changes nothing in the result's order", () => {
  const packages = [{ Package: "b1" }, { Package: "a1" }];
  expect(closure(["b1", "a1"], packages)).toEqual(closure(["a1", "b1"], packages));
});

test("an unknown package is a usage error with the nearest names", () => {
  expect(() => closure(["lbgomp1"], [{ Package: "libgomp1" }, { Package: "libgmp10" }])).toThrow(
    expect.objectContaining({
      code: "DEBIAN_PACKAGE_UNKNOWN",
      exitCode: 2,
      message: expect.stringContaining('"lbgomp1"'),
      hint: expect.stringContaining("libgomp1"),
    }),
  );
});

test("a virtual package that is asked for names its providers", () => {
  const packages = [
    { Package: "exim4", Provides: "mail-transport-agent" },
    { Package: "postfix", Provides: "mail-transport-agent" },
  ];
  expect(() => closure(["mail-transport-agent"], packages)).toThrow(
    expect.objectContaining({
      code: "DEBIAN_PACKAGE_UNKNOWN",
      hint: expect.stringContaining("exim4, postfix"),
    }),
  );
});

test("what cannot be met names the chain and the version there is", () => {
  const packages = [
    { Package: "app", Depends: "lib" },
    { Package: "lib", Depends: "core (>= 2)" },
    { Package: "core", Version: "1.9" },
  ];
  expect(() => closure(["app"], packages)).toThrow(
    expect.objectContaining({
      code: "DEBIAN_UNSATISFIABLE",
      message: "bookworm amd64: lib 1.0 (needed by app) depends on core (>= 2), but core is 1.9",
    }),
  );
});

test("a conflict names both sides; a package does not conflict with its own Provides", () => {
  const packages = [
    { Package: "one", Conflicts: "mta", Provides: "mta" },
    { Package: "two", Provides: "mta", Breaks: "three (<< 2)" },
    { Package: "three", Version: "1" },
  ];
  expect(closure(["one"], packages)).toEqual(["one"]);
  expect(() => closure(["one", "two"], packages)).toThrow(
    expect.objectContaining({
      code: "DEBIAN_CONFLICT",
      message: expect.stringMatching(/one 1\.0 .*two 1\.0: mta/),
    }),
  );
  expect(() => closure(["three", "two"], packages)).toThrow(
    expect.objectContaining({ code: "DEBIAN_CONFLICT", message: expect.stringContaining("three (<< 2)") }),
  );
});
