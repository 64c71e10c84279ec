import fc from "fast-check";
import { expect, test } from "vitest";
import { parseProjectName } from "./name.ts";

test.each([
  ["Django", "django"],
  ["ruamel.yaml", "ruamel-yaml"],
  ["zope.interface", "zope-interface"],
  ["a-_.b", "a-b"],
  ["friendly--bard", "friendly-bard"],
  ["FRIENDLY-._.-bard", "friendly-bard"],
  ["3to2", "3to2"],
  ["q", "q"],
])("%s is one project with %s", (written, normal) => {
  expect(parseProjectName(written, "requirements.txt:1")).toBe(normal);
});

test.each(["", "-a", "a-", "_a", "a.", "a b", "a/b", "../a", "é", "a\n", "a\0", "ﬁ", "İ"])(
  "%j is refused with the place and the value",
  (text) => {
    expect(() => parseProjectName(text, "requirements.txt:7")).toThrow(
      expect.objectContaining({
        code: "PROJECT_NAME",
        exitCode: 2,
        message: `requirements.txt:7: not a project name: ${JSON.stringify(text)}`,
      }),
    );
  },
);

test("the normal form is a fixed point, whatever the separators and case", () => {
  const word = fc.stringMatching(/^[A-Za-z0-9]+$/);
  const separator = fc.stringMatching(/^[-_.]{1,3}$/);
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), separator, (words, between) => {
      const normal = parseProjectName(words.join(between), "here");
      expect(normal).toBe(words.join("-").toLowerCase());
      expect(parseProjectName(normal, "here")).toBe(normal);
    }),
  );
});
