import oracle from "@balena/dockerignore";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { askRulesAlone, parseDockerIgnore } from "./docker-ignore.ts";

function isExcluded(text: string, path: string): boolean {
  return askRulesAlone(parseDockerIgnore(text, ".dockerignore"), path).verdict === "excluded";
}

describe("the rules that Docker documents", () => {
  // https://docs.docker.com/build/concepts/context/#dockerignore-files
  test.for([
    ["*/temp*", "somedir/temporary.txt", true],
    ["*/temp*", "temp", false],
    ["*/*/temp*", "somedir/subdir/temporary.txt", true],
    ["temp?", "tempa", true],
    ["temp?", "temp", false],
    ["**/*.go", "a/b/c.go", true],
    ["**/*.go", "c.go", true],
    ["*.md\n!README.md", "README.md", false],
    ["*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true],
    ["*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false],
    ["abc", "x/abc", false],
    ["abc", "abc/deep/file", true],
    ["/abc/", "abc/file", true],
    ["  abc  ", "abc", true],
    ["# abc", "# abc", false],
    ["a/../b", "b", true],
    ["*\n!src", "src/main.py", false],
    ["*\n!src/main.py", "src/other.py", true],
    ["*\n!src/main.py", "src/main.py", false],
    ["a/**", "a", false],
    ["a/**", "a/b/c", true],
    [".", "anything", false],
    ["[a-c].txt", "b.txt", true],
    ["[^a-c].txt", "b.txt", false],
    ["\\#file", "#file", true],
    ["Data", "data", false],
  ] as const)("%j on %j: %j", ([text, path, expected]) => {
    expect(isExcluded(text, path)).toBe(expected);
  });
});

test("a byte order mark and CRLF do not become part of a pattern", () => {
  expect(isExcluded("\uFEFFbuild\r\ndist\r\n", "build")).toBe(true);
  expect(isExcluded("\uFEFFbuild\r\ndist\r\n", "dist/x")).toBe(true);
});

test("names that are members of every object are names like others", () => {
  for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    expect(isExcluded("*", name)).toBe(true);
    expect(isExcluded("other", name)).toBe(false);
  }
});

test("characters that only regular expressions know are literal", () => {
  expect(isExcluded("a+b(c)|d{2}$^", "a+b(c)|d{2}$^")).toBe(true);
  expect(isExcluded("a+", "aa")).toBe(false);
});

test.for([
  ["[abc", "'[' without ']'"],
  ["x\\", "a backslash at the end"],
  ["[z-a]", "reversed"],
  ["!", "stands alone"],
])("%j is refused with file and line", ([pattern, reason]) => {
  expect(() => parseDockerIgnore(`ok\n${pattern}\n`, ".dockerignore")).toThrowError(
    expect.objectContaining({ code: "GLOB_SYNTAX", message: expect.stringMatching(/^\.dockerignore:2: /) }),
  );
  expect(() => parseDockerIgnore(`ok\n${pattern}\n`, ".dockerignore")).toThrowError(reason);
});

test("agrees with the port of Docker's own matcher", () => {
  const part = fc.constantFrom("a", "b", "ab", "*", "?", "**", "a*", "*b", ".a", "a.b");
  const pattern = fc
    .tuple(fc.boolean(), fc.boolean(), fc.array(part, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([isNegated, isRooted, parts, hasSlash]) =>
      [isNegated ? "!" : "", isRooted ? "/" : "", parts.join("/"), hasSlash ? "/" : ""].join(""),
    );
  const path = fc
    .array(fc.constantFrom("a", "b", "ab", "aab", ".a", "a.b", "c"), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join("/"));
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 5 }), path, (patterns, name) => {
      const text = patterns.join("\n");
      expect(isExcluded(text, name)).toBe(oracle.default({ ignorecase: false }).add(text).ignores(name));
    }),
    { numRuns: 3000 },
  );
});
