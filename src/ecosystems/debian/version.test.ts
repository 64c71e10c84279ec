import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareVersions, satisfies, upstreamVersion } from "./version.ts";

/** Each list ascends; what dpkg says about all pairs is checked in tests/debian. */
const ascending: readonly (readonly string[])[] = [
  ["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-2", "1.0-10", "1.0.1"],
  ["0:1", "1:0.1", "2:0"],
  ["2.36-9+deb12u1", "2.36-9+deb12u4", "2.36-9+deb12u14", "2.37"],
  ["1.0~rc1-1", "1.0-0", "1.0-1~bpo12+1", "1.0-1"],
  ["a", "a-1", "a+", "b"],
  ["3.11.2-1~", "3.11.2-1", "3.11.2-1+b1"],
];

test.for(ascending)("%j ascends", (versions) => {
  for (const [i, a] of versions.entries()) {
    for (const [j, b] of versions.entries()) expect(Math.sign(compareVersions(a, b))).toBe(Math.sign(i - j));
  }
});

test("leading zeros, an epoch of 0 and an absent revision of 0 change nothing", () => {
  expect(compareVersions("1.02", "1.2")).toBe(0);
  expect(compareVersions("0:1.2", "1.2")).toBe(0);
  expect(compareVersions("1.2-0", "1.2")).toBe(0);
});

const parts = fc
  .array(fc.constantFrom(..."0129a.z+~-"), { maxLength: 8 })
  .map((chars) => `1${chars.join("")}`);

test("is an order: antisymmetric and transitive", () => {
  fc.assert(
    fc.property(parts, parts, parts, (a, b, c) => {
      expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) || 0);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
        expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }
    }),
  );
});

test("digits of any length are one number", () => {
  expect(compareVersions("1.99999999999999999998", "1.99999999999999999999")).toBeLessThan(0);
});

describe("satisfies", () => {
  const cases = [
    ["2.0", undefined, true],
    ["2.0", { operator: ">=", version: "2.0" }, true],
    ["2.0", { operator: ">>", version: "2.0" }, false],
    ["2.0", { operator: "<<", version: "2.0-1" }, true],
    ["2.0", { operator: "<=", version: "1.9" }, false],
    ["2.0", { operator: "=", version: "2.0-0" }, true],
  ] as const;
  test.for(cases)("%s against %j: %s", ([version, relation, want]) => {
    expect(satisfies(version, relation)).toBe(want);
  });
});

test("the upstream part is free of epoch and revision", () => {
  expect(upstreamVersion("1:3.11.2-1+b1")).toBe("3.11.2");
  expect(upstreamVersion("2026b-0+deb12u1")).toBe("2026b");
});
