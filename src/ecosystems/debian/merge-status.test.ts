import { expect, test } from "vitest";
import { mergeStatus } from "./merge-status.ts";

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
