import { describe, expect, test } from "vitest";
import { packageStanza } from "../../../tests/support/debian-mirror.ts";
import { closureOf } from "./closure.ts";
import { parseStanzas } from "./control.ts";
import { presentPackage } from "./installed.ts";
import { condenseIndex, openTable } from "./package-table.ts";
import { openUniverse } from "./universe.ts";

type Fields = Readonly<Record<string, string>> & { readonly Package: string };

/** What is to be installed onto a base, as `name version`. */
function onto(present: readonly Fields[], roots: readonly string[], index: readonly Fields[]): string[] {
  const text = condenseIndex(Buffer.from(index.map(packageStanza).join(""), "latin1"));
  const universe = openUniverse([openTable("debian", text)], new Map());
  const installed = present.map((fields) => {
    const [stanza] = parseStanzas(packageStanza({ Version: "1.0", ...fields }), "test");
    const version = fields.Version ?? "1.0";
    return presentPackage({
      name: fields.Package,
      version,
      architecture: "amd64",
      stanza: stanza ?? new Map(),
    });
  });
  return closureOf(roots, universe, new Set(), "bookworm amd64", installed).map(
    ({ name, version }) => `${name} ${version}`,
  );
}

describe("onto a base", () => {
  test("only what it lacks is taken, though the index has newer versions", () => {
    const present = [{ Package: "libc6", Version: "2.36-8" }, { Package: "core" }];
    const index = [
      { Package: "app", Depends: "libc6 (>= 2.30), core, more" },
      { Package: "more", Depends: "libc6" },
      { Package: "libc6", Version: "2.36-9" },
      { Package: "core", Version: "9" },
    ];
    expect(onto(present, ["app"], index)).toEqual(["app 1.0", "more 1.0"]);
    expect(onto(present, ["core"], index)).toEqual([]);
  });

  test("an upgrade is taken when a dependency asks for it, with what it needs itself", () => {
    const present = [{ Package: "libc6", Version: "2.31" }, { Package: "other" }];
    const index = [
      { Package: "app", Depends: "libc6 (>= 2.34)" },
      { Package: "libc6", Version: "2.36", Depends: "gcc-base" },
      { Package: "gcc-base" },
      { Package: "other", Version: "2" },
    ];
    expect(onto(present, ["app"], index)).toEqual(["app 1.0", "gcc-base 1.0", "libc6 2.36"]);
  });

  test("packages that need the very version that goes are upgraded along, and theirs", () => {
    const present = [
      { Package: "lib", Version: "1" },
      { Package: "lib-tools", Version: "1", Depends: "lib (= 1)" },
      { Package: "lib-extra", Version: "1", Depends: "lib-tools (= 1)" },
      { Package: "unrelated", Version: "1", Depends: "missing" },
    ];
    const index = [
      { Package: "app", Depends: "lib (>= 2)" },
      { Package: "lib", Version: "2" },
      { Package: "lib-tools", Version: "2", Depends: "lib (= 2)" },
      { Package: "lib-extra", Version: "2", Depends: "lib-tools (= 2)" },
      { Package: "unrelated", Version: "2" },
    ];
    expect(onto(present, ["app"], index)).toEqual(["app 1.0", "lib 2", "lib-extra 2", "lib-tools 2"]);
  });

  test("what breaks a package of the base upgrades it", () => {
    const present = [{ Package: "old", Version: "1" }];
    const index = [
      { Package: "app", Breaks: "old (<< 2)" },
      { Package: "old", Version: "2" },
    ];
    expect(onto(present, ["app"], index)).toEqual(["app 1.0", "old 2"]);
  });

  test("a provider in the base meets a dependency, and of alternatives the one that agrees with the base is taken", () => {
    const present = [
      { Package: "mawk", Provides: "awk" },
      { Package: "exim4", Conflicts: "mta" },
    ];
    const index = [
      { Package: "app", Depends: "awk, postfix | nullmailer" },
      { Package: "gawk", Provides: "awk" },
      { Package: "postfix", Provides: "mta" },
      { Package: "nullmailer" },
    ];
    expect(onto(present, ["app"], index)).toEqual(["app 1.0", "nullmailer 1.0"]);
  });
});

describe("refused on a base:", () => {
  test("a package that nothing makes agree with the base's", () => {
    const present = [{ Package: "old", Version: "1" }];
    expect(() => onto(present, ["app"], [{ Package: "app", Conflicts: "old" }])).toThrow(
      expect.objectContaining({
        code: "DEBIAN_CONFLICT",
        message: expect.stringMatching(/app 1\.0 .*old 1/),
      }),
    );
  });

  test("a dependency on an older version than the base has, instead of a downgrade", () => {
    const present = [{ Package: "lib", Version: "3" }];
    const index = [
      { Package: "app", Depends: "lib (<< 3)" },
      { Package: "lib", Version: "2" },
    ];
    expect(() => onto(present, ["app"], index)).toThrow(
      expect.objectContaining({ code: "DEBIAN_UNSATISFIABLE", message: expect.stringContaining("lib is 3") }),
    );
  });

  test("an upgrade that a package of the base cannot follow", () => {
    const present = [
      { Package: "lib", Version: "1" },
      { Package: "local-tool", Depends: "lib (= 1)" },
    ];
    const index = [
      { Package: "app", Depends: "lib (>= 2)" },
      { Package: "lib", Version: "2" },
    ];
    expect(() => onto(present, ["app"], index)).toThrow(
      expect.objectContaining({
        code: "DEBIAN_UNSATISFIABLE",
        message: expect.stringContaining("local-tool 1.0 depends on lib (= 1), but lib is 2"),
      }),
    );
  });
});
