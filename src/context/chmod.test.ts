import { execFileSync } from "node:child_process";
import { chmodSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { treeOf } from "../../tests/support/tree.ts";
import { parseChmod } from "./chmod.ts";

const octal = (mode: number) => mode.toString(8).padStart(4, "0");

test.for([
  ["755", "0644", "0755"],
  ["4711", "0644", "4711"],
  ["u+x", "0644", "0744"],
  ["+x,g-x", "0644", "0745"],
  ["a=", "7777", "1000"],
  ["u=rwx,go=rx", "0600", "0755"],
  ["go=u-w", "0640", "0644"],
  ["g=u,o=g-w", "0700", "0775"],
  ["u+s,g+s,+t", "0755", "7755"],
  ["o+s", "0755", "0755"],
  ["+rt", "0200", "1200"],
  ["a+X", "0644", "0644"],
  ["a+X", "0744", "0755"],
  // Whether it was executable, not whether it is by now.
  ["u+x,g+X", "0644", "0744"],
  ["=rX", "0711", "0555"],
  ["a-X", "0755", "0644"],
] as const)("%s makes of %s %s", ([text, before, after]) => {
  expect(octal(parseChmod(text, "test").apply(Number.parseInt(before, 8), false))).toBe(after);
});

test("X counts for every directory", () => {
  expect(octal(parseChmod("a=rX", "test").apply(0o600, true))).toBe("0555");
});

test.for(["", "10000", "888", "0755x", "u", "x", "u+q", "u+x,", ",u+x", "u x", "+x;id"])(
  "%j is no mode",
  (text) => {
    expect(() => parseChmod(text, "line 3")).toThrow(/line 3: not a mode/);
  },
);

/** Not in what they say of X and of the upper bits. */
test("agrees with chmod(1) where BSD and GNU do", () => {
  using folder = treeOf({});
  const path = join(folder.path, "file");
  writeFileSync(path, "");
  const perms = fc.subarray(["r", "w", "x"]).map((letters) => letters.join(""));
  const who = fc.constantFrom("u", "g", "o", "a", "ug", "go");
  const change = fc.oneof(perms, fc.constantFrom("u", "g", "o"));
  const clause = fc
    .tuple(who, fc.array(fc.tuple(fc.constantFrom("+", "-", "="), change), { minLength: 1, maxLength: 2 }))
    .map(([classes, changes]) => classes + changes.flat().join(""));
  fc.assert(
    fc.property(
      fc.array(clause, { minLength: 1, maxLength: 3 }),
      fc.nat({ max: 0o777 }),
      (clauses, before) => {
        const text = clauses.join(",");
        chmodSync(path, before);
        execFileSync("chmod", [text, path]);
        expect(octal(parseChmod(text, "test").apply(before, false))).toBe(
          octal(statSync(path).mode & 0o7777),
        );
      },
    ),
    { numRuns: 60 },
  );
});
