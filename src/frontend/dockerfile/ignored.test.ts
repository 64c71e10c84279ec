import { expect, test } from "vitest";
import { parseDockerIgnore } from "../../context/docker-ignore.ts";
import { isIgnored } from "./ignored.ts";

test.for([
  ["*.log", "a.log", true],
  ["*.log", "a.txt", false],
  ["out", "./out/file", true],
  ["out", "/out/", true],
  ["out\n!out/file", "out/file", false],
  ["out", ".", false],
  ["**", ".", true],
  ["*", "/", true],
  ["", "a", false],
] as const)("with %j, COPY %s is of nothing: %j", ([rules, source, expected]) => {
  expect(isIgnored(source, parseDockerIgnore(rules, ".dockerignore"))).toBe(expected);
});
