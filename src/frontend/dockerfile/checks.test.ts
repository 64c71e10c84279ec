import { expect, test } from "vitest";
import { Warnings } from "./checks.ts";

const place = (line: number, column: number) => `Dockerfile:${line}:${column}`;

function warnings(value?: string): Warnings {
  return new Warnings(value === undefined ? [] : [{ name: "check", value, line: 2 }], place);
}

test("warnings come in the order of lines", () => {
  const found = warnings();
  found.add("B", "second", 5);
  found.add("A", "first", 1);
  expect(found.all()).toEqual([
    { code: "A", message: "first", line: 1 },
    { code: "B", message: "second", line: 5 },
  ]);
});

test("the file leaves rules out, and a comment for its instruction alone", () => {
  const found = warnings("skip=A, B words");
  found.add("A", "x", 1);
  found.add("B", "x", 2, ["check=skip=all"]);
  found.add("B", "x", 3);
  expect(found.all().map(({ line }) => line)).toEqual([3]);
  const none = warnings("skip=all");
  none.add("A", "x", 1);
  expect(none.all()).toEqual([]);
});

test("warnings can be errors", () => {
  const found = warnings("error=true;skip=A");
  found.add("A", "x", 1);
  expect(found.all()).toEqual([]);
  found.add("B", "why", 7);
  expect(() => found.all()).toThrow(
    expect.objectContaining({
      code: "DOCKERFILE_CHECK",
      message: "Dockerfile:2:1: warnings are errors here:\nline 7: B: why",
    }),
  );
});

test.for(["nonsense", "skip", "error=perhaps", "skip=A;loud=true"])("check=%s is refused", (value) => {
  expect(() => warnings(value)).toThrow(expect.objectContaining({ code: "DOCKERFILE_SYNTAX" }));
});
