import { expect, test } from "vitest";
import { formatSpecifier, parseSpecifier, satisfies } from "./specifier.ts";
import { parseVersion } from "./version.ts";

/** PEP 440, "version specifiers"; the same cases stand in the test data of `packaging`. */
test.each([
  ["2.0", "==2", true],
  ["2.0+deadbeef", "==2", true],
  ["2.0+deadbeef", "==2+deadbeef", true],
  ["2.0", "==2+deadbeef", false],
  ["2.1", "==2.*", true],
  ["2a1", "==2.0.*", true],
  ["2.1+local", "==2.1.*", true],
  ["3", "!=2.*", true],
  ["2.1", "!=2.*", false],
  ["2.post1", "!=2", true],
  ["2.0.5", "~=2.0.1", true],
  ["2.1", "~=2.0.1", false],
  ["2.9", "~=2.0a1", true],
  ["2.0a0", "~=2.0a1", false],
  ["1!2.3", "~=1!2.2", true],
  ["1.0.post1", ">1.0", false],
  ["1.0.1", ">1.0", true],
  ["1.0+local", ">1.0", false],
  ["1.0.post2", ">1.0.post1", true],
  ["1.0rc1", "<1.0", false],
  ["1.0a2", "<1.0b1", true],
  ["0.9", "<1.0", true],
  ["0.9rc1", "<1.0", true],
  ["10.dev1", "<10.post1", true],
  ["10.post1.dev1", "<10.post1", false],
  ["2.post4.dev3", ">2a1", true],
  ["2a1.post1", ">2a1", false],
  ["1.0+local", "<=1.0", true],
  ["1.0.dev1", ">=1.0", false],
  ["1.0+Local", "===1.0+local", true],
  ["1.0", "===1.0.0", false],
  ["1.5", ">=1,!=1.5.*,<2", false],
  ["1.4", ">=1,,<2,", true],
  ["1.4", "", true],
])("%s in %j is %s", (version, specifier, expected) => {
  expect(satisfies(parseVersion(version, "test"), parseSpecifier(specifier, "test"))).toBe(expected);
});

test("without pre-releases one is taken only where a clause names one", () => {
  const holds = (specifier: string) =>
    satisfies(parseVersion("2.0rc1", "test"), parseSpecifier(specifier, "test"), { prereleases: false });
  expect([holds(">=1"), holds(">=1,>=2.0a1"), holds("!=1.0a1")]).toEqual([false, true, false]);
});

test("what means the same has the same text", () => {
  expect(formatSpecifier(parseSpecifier(" <2 , >= 1.0-rc1,<2", "test"))).toBe("<2,>=1.0rc1");
  expect(formatSpecifier(parseSpecifier("==1.*", "test"))).toBe("==1.*");
});

test.each([
  "1.0",
  "=>1",
  ">=1.*",
  "~=1",
  "~=1.0+local",
  "==1.0a1.*",
  "==1.0+a.*",
  ">=",
  "===1 2",
  ">=1.0;",
  "== one",
])("%j is no specifier, and the error names the clause", (text) => {
  expect(() => parseSpecifier(`>0,${text}`, "requirements.txt:7")).toThrow(
    expect.objectContaining({
      code: "SPECIFIER_SYNTAX",
      message: expect.stringContaining(
        `requirements.txt:7: not a version specifier: ${JSON.stringify(text)}`,
      ),
    }),
  );
});
