// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are Dockerfiles' variables.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Pattern,
  parsePattern,
  replaceAll,
  replaceFirst,
  withoutPrefix,
  withoutSuffix,
} from "./pattern.ts";

function pattern(text: string): Pattern {
  const parsed = parsePattern(text);
  if ("problem" in parsed) throw new Error(parsed.problem);
  return parsed;
}

/** The same as a regular expression: slow on hostile input, and right. */
function regExp(text: string, isLongest: boolean): string {
  return Array.from(text, (character) => {
    if (character === "*") return isLongest ? "[^\\n]*" : "[^\\n]*?";
    return character === "?" ? "[^\\n]" : character;
  }).join("");
}

const texts = fc.string({ unit: fc.constantFrom("a", "b", "\n"), maxLength: 12 });
const patterns = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 6 });

test("prefixes and suffixes are what a regular expression finds", () => {
  fc.assert(
    fc.property(texts, patterns, fc.boolean(), (text, written, isLongest) => {
      const prefix = new RegExp(`^${regExp(written, isLongest)}`).exec(text)?.[0] ?? "";
      expect(withoutPrefix(text, pattern(written), isLongest)).toBe(text.slice(prefix.length));
      const turned = (some: string) => Array.from(some).reverse().join("");
      const suffix = new RegExp(`^${regExp(turned(written), isLongest)}`).exec(turned(text))?.[0] ?? "";
      expect(withoutSuffix(text, pattern(written), isLongest)).toBe(
        text.slice(0, text.length - suffix.length),
      );
    }),
    { numRuns: 2000 },
  );
});

test("the first match is what a regular expression replaces", () => {
  fc.assert(
    fc.property(texts, patterns, (text, written) => {
      const expected = text.replace(new RegExp(regExp(written, true)), () => "<>");
      expect(replaceFirst(text, pattern(written), "<>")).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

test.for([
  ["aaa", "a", "b", "bbb"],
  ["abc", "", "-", "-a-b-c-"],
  ["abc", "*", "x", "x"],
  ["", "*", "x", "x"],
  ["a\nb", "*", "x", "x\nx"],
  ["abab", "a?", "[$0]", "[ab][ab]"],
  ["a", "a", "$$ $1 ${0} ${name}", "$  a "],
] as const)("all of %j by %j with %j is %j", ([text, written, replacement, expected]) => {
  expect(replaceAll(text, pattern(written), replacement)).toBe(expected);
});

test("many stars on a long text end", () => {
  const text = "a".repeat(5000);
  expect(replaceAll(text, pattern(`${"*a".repeat(50)}b`), "x")).toBe(text);
  expect(withoutPrefix(text, pattern(`${"*a".repeat(50)}b`), false)).toBe(text);
});

test("an escape that means nothing is refused", () => {
  expect(parsePattern("a\\b")).toEqual({ problem: 'invalid escape \\b in the pattern "a\\\\b"' });
  expect(parsePattern("a\\")).toEqual({ problem: 'invalid escape \\ in the pattern "a\\\\"' });
  expect(replaceFirst("a*b", pattern("\\*"), "-")).toBe("a-b");
});
