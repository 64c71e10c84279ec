// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are Dockerfiles' variables.
import fc from "fast-check";
import { expect, test } from "vitest";
import { expand, expandWords } from "./expand.ts";

const variables = new Map([
  ["A", "one"],
  ["EMPTY", ""],
  ["FILE", "/srv/app.tar.gz"],
  ["TWO", "two words"],
]);
const rules = { escapeMark: "\\" } as const;

function textOf(source: string, escapeMark: "\\" | "`" = "\\"): string {
  const result = expand(source, variables, { escapeMark });
  return "problem" in result ? `problem: ${result.problem}` : result.text;
}

test.for([
  ["$A ${A}", "one one"],
  ["$AB $A.b ${A}b", " one.b oneb"],
  ["'$A' \"$A\"", "$A one"],
  ["\\$A \\\\ \\x", "$A \\ x"],
  ['"\\$A \\" \\x"', '$A " \\x'],
  ["$ $. $1x", "$ $. x"],
  ["${NO:-d} ${EMPTY:-d} ${EMPTY-d} ${NO-d}", "d d  d"],
  ["${A:+w} ${EMPTY:+w} ${EMPTY+w} ${NO+w}", "w  w "],
  ["${A:?m} ${EMPTY?m}", "one "],
  ["${NO:-${A:+${EMPTY:-deep}}}", "deep"],
  ["${NO:-'a}'}", "a}"],
  ["${FILE#*/} ${FILE##*/}", "srv/app.tar.gz app.tar.gz"],
  ["${FILE%.*} ${FILE%%.*}", "/srv/app.tar /srv/app"],
  ["${FILE/r/R} ${FILE//r/R}", "/sRv/app.tar.gz /sRv/app.taR.gz"],
  ["${FILE//\\//-}", "-srv-app.tar.gz"],
  ["${A/?/$EMPTY}", "ne"],
] as const)("%s is %j", ([source, expected]) => {
  expect(textOf(source)).toBe(expected);
});

test.for([
  ["'a", "no ' ends the quoted text"],
  ['"a', 'no " ends the quoted text'],
  ["${A", "no } ends the ${"],
  ["${A:-x", "no } ends the ${"],
  ["${A/x", "no / ends the ${"],
  ["${}", "bad substitution: ${}"],
  ["${A:=x}", "${A:= is no form that is known"],
  ["${A^}", "${A^ is no form that is known"],
  ["${NO?}", "NO: is not allowed to be unset"],
  ["${EMPTY:?}", "EMPTY: is not allowed to be empty"],
  ["${NO?say $A}", "NO: say one"],
  ["${A#\\x}", 'invalid escape \\x in the pattern "\\\\x"'],
] as const)("%s is refused", ([source, problem]) => {
  expect(textOf(source)).toBe(`problem: ${problem}`);
});

test("another escape character leaves the backslash alone", () => {
  expect(textOf("C:\\dir `$A", "`")).toBe("C:\\dir $A");
});

test("words end at spaces outside of quotes, also at those of values", () => {
  const words = (source: string) => {
    const result = expandWords(source, variables, rules);
    return "problem" in result ? [] : result.words;
  };
  expect(words("a  $TWO \"$TWO\" x\\ y ''")).toEqual(["a", "two", "words", "two words", "x y"]);
  expect(words("80${NO:-80}-${NO:-90}")).toEqual(["8080-90"]);
});

test("names that were asked for are told", () => {
  expect(expand("$A $B ${C:-$D}", variables, rules)).toMatchObject({
    used: new Set(["A"]),
    missing: new Set(["B", "C", "D"]),
  });
});

test("in a heredoc quotes mean nothing", () => {
  expect(expand("'$A' \"", variables, { ...rules, ignoresQuotes: true })).toMatchObject({ text: "'one' \"" });
});

test("what is not set stays where that is wanted", () => {
  const source = "$NO ${NO} ${NO:-x} ${NO/a/b} $A";
  expect(expand(source, variables, { ...rules, keepsUnset: true })).toMatchObject({
    text: "$NO ${NO} ${NO:-x} ${NO/a/b} one",
  });
});

test("nesting, growth and patterns have an end", () => {
  const deep = `${"${NO:-".repeat(10_000)}${"}".repeat(10_000)}`;
  expect(textOf(deep)).toBe("problem: ${ nested deeper than 64");
  const big = new Map([["X", "x".repeat(2 ** 19)]]);
  expect(expand("$X$X$X", big, rules)).toMatchObject({ problem: "grows to more than 1048576 characters" });
  expect(expand(`\${X#${"*x".repeat(100)}}`, big, rules)).toMatchObject({
    problem: expect.stringContaining("too long"),
  });
  expect(expand(`\${X//x/${"y".repeat(100)}}`, big, rules)).toMatchObject({
    problem: expect.stringContaining("too long"),
  });
});

test("text without any special character is itself", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const plain = text.replace(/[$'"\\]/g, "").replace(/</g, "");
      expect(expand(plain, variables, rules)).toMatchObject({ text: plain });
    }),
  );
});

test("quoted text is itself, whatever is in it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const inner = text.replaceAll("'", "");
      expect(expand(`'${inner}'`, variables, rules)).toMatchObject({ text: inner });
    }),
  );
});
