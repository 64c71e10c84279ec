import { expect, test } from "vitest";
import { formatDependencies, parseDependencies, parsePackageName } from "./name.ts";

test("a dependency field is groups of alternatives with versions and qualifiers", () => {
  expect(
    parseDependencies("libc6 (>= 2.36), debconf (>= 0.5) | debconf-2.0, python3:any (>> 3.11~)", "x"),
  ).toEqual([
    [{ name: "libc6", relation: { operator: ">=", version: "2.36" } }],
    [{ name: "debconf", relation: { operator: ">=", version: "0.5" } }, { name: "debconf-2.0" }],
    [{ name: "python3", qualifier: "any", relation: { operator: ">>", version: "3.11~" } }],
  ]);
});

test("the old operators mean or-equal, and empty text is no dependency", () => {
  expect(
    parseDependencies("a (< 1), b(> 2)", "x")
      .flat()
      .map((one) => one.relation?.operator),
  ).toEqual(["<=", ">="]);
  expect(parseDependencies(" ", "x")).toEqual([]);
});

test.for(["a (>= )", "a (~ 1)", "UPPER", "a | ", "a b"])("%j is refused, quoted", (text) => {
  expect(() => parseDependencies(text, "pkg: Depends")).toThrow(
    expect.objectContaining({
      code: "DEBIAN_DEPENDENCY_SYNTAX",
      message: expect.stringContaining("pkg: Depends"),
    }),
  );
});

test("a group is written as a control file has it", () => {
  const [group = []] = parseDependencies("a (>= 1) | b", "x");
  expect(formatDependencies(group)).toBe("a (>= 1) | b");
});

test.for(["libgomp1", "g++", "libstdc++6", "0ad"])("%s is a package name", (name) => {
  expect(parsePackageName(name, "apt")).toBe(name);
});

test.for(["", "a", "libc6:amd64", "libc6=2.36", "../x", "Foo", "a b"])("%j is no package name", (name) => {
  expect(() => parsePackageName(name, "apt package")).toThrow(
    expect.objectContaining({ code: "DEBIAN_NAME_SYNTAX", exitCode: 2 }),
  );
});
