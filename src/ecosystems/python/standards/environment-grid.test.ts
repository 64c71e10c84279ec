import fc from "fast-check";
import { expect, test } from "vitest";
import { environmentGrid, markerOf, maskOf } from "./environment-grid.ts";
import { evaluateMarker, markerEnvironment, parseMarker } from "./marker.ts";
import { parseSpecifier } from "./specifier.ts";

const NOTHING = { extras: [], groups: [] };

const COMPARISONS = [
  "python_version < '3.12'",
  "python_version >= '3.9'",
  "python_full_version == '3.11.4'",
  "python_full_version <= '3.10.7'",
  "python_version in '3.9, 3.11'",
  "python_full_version ~= '3.11.2'",
  "platform_machine == 'aarch64'",
  "platform_machine != 'aarch64'",
  "sys_platform == 'win32'",
  "implementation_name == 'cpython'",
];

test("a marker, its mask and the mask's marker hold in the same environments", () => {
  const text = fc
    .array(fc.array(fc.constantFrom(...COMPARISONS), { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 3,
    })
    .map((sum) => sum.map((product) => `(${product.join(" and ")})`).join(" or "));
  const version = fc.tuple(fc.integer({ min: 7, max: 16 }), fc.integer({ min: 0, max: 12 }));
  fc.assert(
    fc.property(text, version, fc.constantFrom("amd64", "arm64"), (written, [minor, patch], architecture) => {
      const marker = parseMarker(written, "test");
      const grid = environmentGrid([marker]);
      const printed = markerOf(grid, maskOf(grid, marker, NOTHING));
      const platform = { os: "linux", architecture } as const;
      const environment = markerEnvironment({ version: `3.${minor}.${patch}`, platform, glibc: [2, 36] });
      const again = printed === undefined ? true : evaluateMarker(parseMarker(printed, "test"), environment);
      expect(again).toBe(evaluateMarker(marker, environment));
    }),
    { numRuns: 500 },
  );
});

test("what the lock is not for makes the text shorter", () => {
  const marker = parseMarker("python_version >= '3.11' and python_version < '3.13'", "test");
  const grid = environmentGrid([marker], [parseSpecifier(">=3.11", "test")]);
  expect(markerOf(grid, maskOf(grid, marker, NOTHING))).toBe("python_full_version < '3.13'");
  const always = environmentGrid([marker], [parseSpecifier(">=3.11,<3.13", "test")]);
  expect(markerOf(always, maskOf(always, marker, NOTHING))).toBeUndefined();
});

test("markers that name thousands of versions are refused", () => {
  const marker = parseMarker(
    `python_version in '${Array.from({ length: 2000 }, (_, i) => `3.9.${i * 2}`)}'`,
    "test",
  );
  expect(() => environmentGrid([marker])).toThrow(expect.objectContaining({ code: "LOCK_LIMIT" }));
});
