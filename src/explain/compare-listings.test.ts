import fc from "fast-check";
import { expect, test } from "vitest";
import { compareListings, type ListedPath } from "./compare-listings.ts";
import { plainLens, saltedLens, saltedText } from "./lens.ts";

const entry: fc.Arbitrary<ListedPath> = fc.record({
  path: fc.stringMatching(/^[a-z]{1,6}(\/[a-z]{1,6})?$/),
  type: fc.constantFrom("file", "symlink"),
  mode: fc.nat(0o777),
  uid: fc.nat(9),
  gid: fc.nat(9),
  content: fc.stringMatching(/^[a-f0-9]{4}$/),
});
const listings = fc.uniqueArray(entry, { selector: ({ path }) => path, minLength: 1, maxLength: 8 });

test("exactly the path that changed is found, with what of it did, plain or salted", () => {
  fc.assert(
    fc.property(listings, fc.nat(), fc.string(), (before, which, salt) => {
      const at = which % before.length;
      const one = before[at]!;
      const told = before.map((row) => ({
        ...row,
        path: saltedText(salt, row.path),
        content: saltedText(salt, row.content!),
      }));
      const content = one.type === "file" ? "content" : "link";
      const changes: [now: ListedPath[], found: object][] = [
        [
          before.with(at, { ...one, content: "other" }),
          { path: one.path, change: "changed", aspect: content },
        ],
        [before.with(at, { ...one, mode: one.mode + 1 }), { path: one.path, aspect: "mode" }],
        [before.with(at, { ...one, gid: 10 }), { path: one.path, aspect: "owner" }],
        [before.with(at, { ...one, type: "directory" }), { path: one.path, aspect: "type" }],
        [[...before, { ...one, path: "new/" }], { path: "new/", change: "added" }],
      ];
      for (const [now, found] of changes) {
        expect(compareListings(before, now, plainLens)).toMatchObject([found]);
        expect(compareListings(told, now, saltedLens(salt))).toMatchObject([found]);
      }
      const less = before.toSpliced(at, 1);
      expect(compareListings(before, less, plainLens)).toEqual([{ path: one.path, change: "removed" }]);
      expect(compareListings(told, less, saltedLens(salt))).toEqual([{ path: "", change: "removed" }]);
    }),
  );
});

test("other content is told before what came, and modes last", () => {
  const file = (path: string, mode: number, content: string) =>
    ({ path, type: "file", mode, uid: 0, gid: 0, content }) as const;
  const before = [file("a", 0o644, "1"), file("b", 0o644, "1")];
  const now = [file("a", 0o600, "1"), file("aa", 0o644, "1"), file("b", 0o644, "2")];
  expect(compareListings(before, now, plainLens).map(({ path }) => path)).toEqual(["b", "aa", "a"]);
});
