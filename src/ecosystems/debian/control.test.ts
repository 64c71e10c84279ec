import { expect, test } from "vitest";
import { fieldOf, parseStanzas } from "./control.ts";

test("paragraphs, continuations and comments", () => {
  const text =
    "Package: a\n# a comment\nDescription: short\n long one\n .\n  indented\n\n\nPackage: b\nEmpty:\n";
  const [a, b] = parseStanzas(text, "x");
  expect(a?.get("Description")).toBe("short\nlong one\n.\n indented");
  expect([...(b ?? [])]).toEqual([
    ["Package", "b"],
    ["Empty", ""],
  ]);
});

test("field names are found whatever their case", () => {
  const [stanza] = parseStanzas("uris: http://mirror.example\n", "x");
  expect(stanza && fieldOf(stanza, "URIs")).toBe("http://mirror.example");
  expect(stanza && fieldOf(stanza, "Suites")).toBeUndefined();
});

test.for([
  [" starts with a space\n", "a continuation without a field"],
  ["no colon here\n", "not a field"],
  ["A: 1\nA: 2\n", "a field stands twice"],
])("%j is refused with its line", ([text, reason]) => {
  expect(() => parseStanzas(text ?? "", "file")).toThrow(
    expect.objectContaining({
      code: "DEBIAN_CONTROL_SYNTAX",
      message: expect.stringContaining(reason ?? ""),
    }),
  );
});
