import fc from "fast-check";
import { expect, test } from "vitest";
import {
  compareVersions,
  formatVersion,
  isPrerelease,
  normalizeVersion,
  parseVersion,
  tryVersion,
} from "./version.ts";

/** PEP 440, "summary of permitted suffixes and relative ordering", with epochs, locals and trailing zeros. */
const ORDERED = [
  "0.9",
  "1.dev0",
  "1.0.dev456",
  "1.0a1.dev1",
  "1.0a1",
  "1.0a2.dev456",
  "1.0a12.dev456",
  "1.0a12",
  "1.0b1.dev456",
  "1.0b2",
  "1.0b2.post345.dev456",
  "1.0b2.post345",
  "1.0rc1.dev456",
  "1.0rc1",
  "1.0",
  "1.0+1e5",
  "1.0+abc.5",
  "1.0+abc.7",
  "1.0+5",
  "1.0+5.1",
  "1.0+100000",
  "1.0.post456.dev34",
  "1.0.post456",
  "1.1.dev1",
  "1.20230101123456789",
  "1.20230101123456790",
  "1!0.1",
] as const;

test("versions sort as PEP 440 says, whatever their order was", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...ORDERED], { minLength: ORDERED.length }), (shuffled) => {
      const sorted = shuffled.map((text) => parseVersion(text, "test")).sort(compareVersions);
      expect(sorted.map(formatVersion)).toEqual([...ORDERED]);
    }),
  );
});

test.each([
  ["v1.0", "1.0"],
  [" 1.0-ALPHA.1 ", "1.0a1"],
  ["1.0c4", "1.0rc4"],
  ["1.0-preview", "1.0rc0"],
  ["1.0-5", "1.0.post5"],
  ["1.0.REV", "1.0.post0"],
  ["1_dev", "1.dev0"],
  ["01.002", "1.2"],
  ["1.0+Ubuntu_01-x", "1.0+ubuntu.1.x"],
  ["0!1", "1"],
  ["1.0+0x10", "1.0+0x10"],
])("%j is %j", (text, normal) => {
  expect(normalizeVersion(text, "test")).toBe(normal);
});

test("a normal form is its own normal form", () => {
  const number = fc.nat({ max: 30 });
  const text = fc
    .record({
      release: fc.array(number, { minLength: 1, maxLength: 4 }),
      pre: fc.option(fc.constantFrom("a", "B", "-rc.", "preview")),
      post: fc.option(fc.constantFrom("-", ".post", "rev")),
      dev: fc.option(fc.constantFrom(".dev", "DEV")),
      local: fc.option(fc.stringMatching(/^[a-z0-9]{1,5}([._-][a-z0-9]{1,5})?$/)),
    })
    .map(({ release, pre, post, dev, local }) => {
      const tail = local === null ? "" : `+${local}`;
      return `${release.join(".")}${pre ? `${pre}1` : ""}${post ? `${post}2` : ""}${dev ? `${dev}3` : ""}${tail}`;
    });
  fc.assert(
    fc.property(text, (written) => {
      const normal = normalizeVersion(written, "test");
      expect(normalizeVersion(normal, "test")).toBe(normal);
      expect(compareVersions(parseVersion(written, "test"), parseVersion(normal, "test"))).toBe(0);
    }),
  );
});

test("trailing zeros make no difference", () => {
  expect(compareVersions(parseVersion("1.0.0", "test"), parseVersion("1", "test"))).toBe(0);
});

test("development releases and release candidates are pre-releases, post-releases are not", () => {
  const pre = ["1.dev0", "1a1", "1rc1", "1.post1.dev2"].map((text) =>
    isPrerelease(parseVersion(text, "test")),
  );
  expect(pre).toEqual([true, true, true, true]);
  expect(isPrerelease(parseVersion("1.post1", "test"))).toBe(false);
});

test.each([
  "",
  "latest",
  "1.0.",
  "1..0",
  "1.0+",
  "1.0+a..b",
  "1.0-",
  "1 .0",
  "1.0\n2",
  "٣.١",
  "9".repeat(600),
])("%j is no version, and the error names it", (text) => {
  expect(tryVersion(text)).toBeUndefined();
  expect(() => parseVersion(text, "pylock.toml:3")).toThrow(
    expect.objectContaining({ code: "VERSION_SYNTAX", message: expect.stringContaining("pylock.toml:3") }),
  );
});
