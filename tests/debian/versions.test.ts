import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compareVersions } from "../../src/ecosystems/debian/version.ts";

const part = fc
  .array(fc.constantFrom(..."0012379az.+~"), { maxLength: 7 })
  .map((characters) => characters.join(""));
const version = fc
  .tuple(
    fc.constantFrom("", "0:", "1:", "10:"),
    fc.nat(12),
    part,
    fc.constantFrom("", "-0", "-1", "-1~", "-1+b1"),
  )
  .map(([epoch, start, rest, revision]) => `${epoch}${start}${rest}${revision}`);

test("400 pairs of versions compare as dpkg says", () => {
  const pairs = fc.sample(fc.tuple(version, version), { numRuns: 400, seed: 20251101 });
  const wrong = pairs.filter(([a, b]) => {
    const order = compareVersions(a, b);
    const operator = order < 0 ? "lt" : order > 0 ? "gt" : "eq";
    return spawnSync("dpkg", ["--compare-versions", a, operator, b]).status !== 0;
  });
  expect(wrong).toEqual([]);
});
