import { describe, expect, test } from "vitest";
import { mergeStatus, uniteStatus } from "./merge-status.ts";

const paragraph = (name: string, version: string, architecture = "amd64") =>
  `Package: ${name}\nStatus: install ok installed\nArchitecture: ${architecture}\nVersion: ${version}\nDescription: odd\n  spacing\n .\n`;

test("new packages follow in order, upgraded ones stand in their place, the rest stays byte for byte", () => {
  const base = [paragraph("zlib1g", "1"), paragraph("odd", "1"), paragraph("libc6", "2.36-1")].join("\n");
  const added = [paragraph("libgomp1", "12"), paragraph("libc6", "2.36-9"), paragraph("gcc-12-base", "12")];
  const merged = mergeStatus(base, added, "amd64", "base x");
  expect(merged).toBe(
    [
      ...[paragraph("zlib1g", "1"), paragraph("odd", "1"), paragraph("libc6", "2.36-9")],
      ...[paragraph("gcc-12-base", "12"), paragraph("libgomp1", "12"), ""],
    ].join("\n"),
  );
});

test("a package of a foreign architecture is another one", () => {
  const base = paragraph("libc6", "2.36-1", "i386");
  const merged = mergeStatus(base, [paragraph("libc6", "2.36-9")], "amd64", "base x");
  expect(merged).toBe(`${base}\n${paragraph("libc6", "2.36-9")}\n`);
});

test("without a database there is a new one, and merging nothing changes nothing", () => {
  expect(mergeStatus("", [paragraph("a1", "1")], "amd64", "base x")).toBe(`${paragraph("a1", "1")}\n`);
  const whole = `${paragraph("a1", "1")}\n${paragraph("b1", "1")}\n`;
  expect(mergeStatus(whole, [], "amd64", "base x")).toBe(whole);
});

test("a damaged database is named", () => {
  expect(() => mergeStatus("Package: a\nnonsense\n", [], "amd64", "base x")).toThrow(
    expect.objectContaining({
      code: "DEBIAN_CONTROL_SYNTAX",
      message: expect.stringContaining("base x: status"),
    }),
  );
});

describe("two databases", () => {
  const unite = (below: string[], added: string[], over: string[] = []) =>
    uniteStatus(
      { below: below.join("\n"), added: added.join("\n"), over: over.join("\n") },
      "amd64",
      "a and b",
    );

  test("have the packages of both, once; of two versions the later one's, and it is told", () => {
    const { text, conflicts } = unite(
      [paragraph("zlib1g", "1"), paragraph("libc6", "2.36-1")],
      [paragraph("libc6", "2.36-9"), paragraph("zlib1g", "1"), paragraph("curl", "8")],
    );
    expect(text).toBe(
      [paragraph("zlib1g", "1"), paragraph("libc6", "2.36-9"), paragraph("curl", "8"), ""].join("\n"),
    );
    expect(conflicts).toEqual([{ name: "libc6", was: "2.36-1", is: "2.36-9" }]);
  });

  test("a difference brings what it installed, takes what it removed, and leaves what it found", () => {
    const over = [paragraph("libc6", "2.36-1"), paragraph("wget", "1"), paragraph("perl", "5")];
    const { text, conflicts } = unite(
      [paragraph("libc6", "2.41-1"), paragraph("wget", "1"), paragraph("perl", "5.1")],
      [paragraph("libc6", "2.36-1"), paragraph("git", "2")],
      over,
    );
    expect(text).toBe(
      [paragraph("libc6", "2.41-1"), paragraph("perl", "5.1"), paragraph("git", "2"), ""].join("\n"),
    );
    expect(conflicts).toEqual([]);
  });

  test("packages of two architectures are two, and both are kept", () => {
    const both = [paragraph("libc6", "1"), paragraph("libc6", "1", "i386")];
    const { text } = unite([paragraph("libc6", "1")], both);
    expect(text).toBe([...both, ""].join("\n"));
  });
});
