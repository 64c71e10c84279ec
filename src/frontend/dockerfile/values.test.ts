import fc from "fast-check";
import { expect, test } from "vitest";
import { parseByteSize } from "../../byte-size.ts";
import { destinationPath, nextWorkdir, parentsPath, sourcePath } from "../../graph/paths.ts";
import { isMode } from "./chmod.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { quoteText } from "./go-text.ts";
import { parsePorts } from "./ports.ts";
import { isSignal } from "./signals.ts";

test.for([
  ["1h30m", 5400e9],
  ["1.5s", 1.5e9],
  ["250ms", 250e6],
  ["0", 0],
  ["+3s", 3e9],
  ["-3s", -3e9],
  [".5m", 30e9],
  ["3", undefined],
  ["s", undefined],
  ["3 s", undefined],
  ["3d", undefined],
  ["", undefined],
] as const)("the duration %j is %d ns", ([text, expected]) => {
  expect(parseDuration(text)).toBe(expected);
});

test("a duration that is printed reads as itself", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e15 }), (nanoseconds) => {
      expect(parseDuration(formatDuration(nanoseconds))).toBe(nanoseconds);
    }),
  );
  expect([0, 15e8, 90e9, 5400e9, 1e5].map(formatDuration)).toEqual([
    "0s",
    "1.5s",
    "1m30s",
    "1h30m0s",
    "100\u00B5s",
  ]);
});

test.for([
  ["100", 100],
  ["1k", 1024],
  ["1.5 MiB", 1572864],
  ["64MB", 64 * 2 ** 20],
  ["1x", undefined],
  ["-1", undefined],
  ["k", undefined],
] as const)("the size %j is %d bytes", ([text, expected]) => {
  expect(parseByteSize(text)).toBe(expected);
});

test.for([
  ["644", true],
  ["07777", true],
  ["10000", false],
  ["u+x,go=r", true],
  ["=rw,+X", true],
  ["a-w+x", true],
  ["u", false],
  ["u+x,", false],
  ["8", false],
] as const)("%j is a mode: %j", ([text, expected]) => {
  expect(isMode(text)).toBe(expected);
});

test.for([
  ["SIGTERM", true],
  ["hup", true],
  ["sigrtmin+3", true],
  ["9", true],
  ["0", false],
  ["SIGNO", false],
] as const)("%j is a signal: %j", ([text, expected]) => {
  expect(isSignal(text)).toBe(expected);
});

test.for([
  ["80", ["80/tcp"]],
  ["53/UDP", ["53/udp"]],
  ["1-3", ["1/tcp", "2/tcp", "3/tcp"]],
  ["[::1]:1:2/sctp", ["2/sctp"]],
  ["70000", undefined],
  ["3-1", undefined],
  ["80/icmp", undefined],
  ["nowhere:1:2", undefined],
] as const)("the ports of %j are %j", ([text, expected]) => {
  const parsed = parsePorts(text);
  expect("problem" in parsed ? undefined : parsed.ports).toEqual(expected);
});

test("texts are quoted as Go does", () => {
  expect(quoteText('a "b" \\ \n\t\u0007\u0001 é 😀 \u200B\u{E0001}')).toBe(
    '"a \\"b\\" \\\\ \\n\\t\\a\\x01 é 😀 \\u200b\\U000e0001"',
  );
});

test("paths are relative to the working directory, slashes at the end kept", () => {
  expect(destinationPath("/w", "a/../b/")).toBe("/w/b/");
  expect(destinationPath("/w", ".")).toBe("/w/");
  expect(destinationPath("/", "")).toBe("/");
  expect(destinationPath("/w", "/x//y/.")).toBe("/x/y/");
  expect(nextWorkdir("", "a")).toBe("/a");
  expect(nextWorkdir("/a/b", "../c")).toBe("/a/c");
  expect(nextWorkdir("/a", "")).toBe("/a");
  expect(sourcePath("/../a//b/")).toBe("a/b");
  expect(sourcePath("")).toBe(".");
  expect(parentsPath("./a/./b/../c")).toBe("a/./c");
  expect(parentsPath("/a/b")).toBe("a/b");
});
