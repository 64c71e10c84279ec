import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf } from "../layer/digest.ts";
import { comparePaths } from "../layer/entry.ts";
import type { ContentEntry, ContentSource } from "./content-source.ts";
import { type CopySelection, type CopyTarget, copyInto } from "./copy-into.ts";
import { type SourceTree, sourceTree } from "./source-tree.ts";
import { type LowerTree, TargetTree } from "./target-tree.ts";

/** Files by path; a value that begins with `->` is a link, a path with a slash at the end a directory. */
type Found = Readonly<Record<string, string>>;

function entriesOf(found: Found): ContentEntry[] {
  const owner = { uid: 0, gid: 0 };
  return Object.entries(found)
    .map(([name, text]): ContentEntry => {
      if (name.endsWith("/")) return { type: "directory", path: name.slice(0, -1), mode: 0o700, ...owner };
      if (text.startsWith("->"))
        return { type: "symlink", path: name, mode: 0o777, ...owner, target: text.slice(2) };
      return { type: "file", path: name, mode: 0o644, ...owner, size: text.length };
    })
    .sort((a, b) => comparePaths(a.path, b.path));
}

function sourceOf(found: Found): SourceTree {
  const source: ContentSource = {
    where: "the test",
    entries: entriesOf(found),
    digest: async ({ path }) => digestOf(found[path] ?? ""),
    read: () => {
      throw new TypeError("selecting reads nothing");
    },
  };
  return sourceTree(source);
}

function lowerOf(found: Found): LowerTree {
  const tree = sourceOf(found);
  return { entry: (path) => tree.entry(path) };
}

function copied(
  source: Found,
  selection: Partial<CopySelection>,
  to: string | CopyTarget,
  below: Found = {},
): string[] {
  const target = new TargetTree(lowerOf(below));
  const whole = { path: "/", isPattern: true, ...selection };
  copyInto(target, sourceOf(source), whole, typeof to === "string" ? { destination: to } : to);
  return target.entries().map(({ path, type }) => (type === "directory" ? `${path}/` : path));
}

describe("selecting", () => {
  const tree = {
    "a.txt": "a",
    "b.md": "b",
    "dir/": "",
    "dir/c.txt": "c",
    "dir/deep/": "",
    "dir/deep/d.txt": "d",
    link: "->dir",
  };

  test("a named directory gives its contents, a link to one too", () => {
    const contents = ["x/", "x/c.txt", "x/deep/", "x/deep/d.txt"];
    expect(copied(tree, { path: "dir" }, "/x")).toEqual(contents);
    expect(copied(tree, { path: "link/" }, "/x")).toEqual(contents);
  });

  test("what is in the whole and what its parts name together is the same", () => {
    const name = fc.constantFrom("a", "b", "c.txt", "d-e", "f");
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
    fc.assert(
      fc.property(fc.uniqueArray(path, { minLength: 1, maxLength: 8 }), (paths) => {
        // No file above another.
        const files = paths.filter((one) => !paths.some((other) => other.startsWith(`${one}/`)));
        const found = Object.fromEntries(files.map((file) => [file, file]));
        const target = new TargetTree(undefined);
        for (const file of files)
          copyInto(
            target,
            sourceOf(found),
            { path: file, isPattern: true, keepsParents: true },
            { destination: "/x/" },
          );
        const parts = target.entries().map(({ path: at }) => at);
        const whole = copied(found, {}, "/x/").map((at) => at.replace(/\/$/, ""));
        expect(parts).toEqual(whole);
      }),
    );
  });

  test("excluding a pattern is selecting all else", () => {
    const name = fc.constantFrom("a.md", "b.txt", "c");
    const path = fc.tuple(fc.constantFrom("", "p/", "p/q/"), name).map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 6 }), (paths) => {
        const files = paths.filter((one) => !paths.some((other) => other.startsWith(`${one}/`)));
        const found = Object.fromEntries(files.map((file) => [file, file]));
        const kept = copied(found, { exclude: ["**/*.md"] }, "/x/").filter((at) => !at.endsWith("/"));
        const all = copied(found, {}, "/x/").filter((at) => !at.endsWith("/"));
        expect(kept).toEqual(all.filter((at) => !at.endsWith(".md")));
      }),
    );
  });

  test.for([
    ["missing", /copy: missing is not in the test/],
    ["dir/missing", /There is dir\/c.txt, dir\/deep/],
  ] as const)("%s is named with what is near", ([path, message]) => {
    let thrown: unknown;
    try {
      copied(tree, { path }, "/x/");
    } catch (error) {
      thrown = error;
    }
    const { message: text, hint } = thrown as { message: string; hint: string };
    expect(`${text} ${hint}`).toMatch(message);
  });

  test("a link that leads to nothing says so", () => {
    expect(() => copied({ out: "->/etc/hostname" }, { path: "out" }, "/x/")).toThrow(
      /a link to \/etc\/hostname/,
    );
  });
});

describe("the destination", () => {
  const stage = { lib: "->usr/lib", "usr/lib/": "", "etc/passwd": "p", "opt/": "", "opt/l": "->/etc/passwd" };

  test("links on the way are followed inside the stage", () => {
    expect(copied({ f: "f" }, { path: "f" }, "/lib/f", stage)).toEqual(["usr/lib/f"]);
  });

  test("a link that is meant is followed, one that is hit is replaced", () => {
    expect(copied({ l: "f" }, { path: "l" }, "/opt/l", stage)).toEqual(["etc/passwd"]);
    expect(copied({ l: "f" }, { path: "l" }, "/opt/", stage)).toEqual(["opt/l"]);
  });

  test.for([
    ["/etc/passwd/x", "f"],
    ["/etc/passwd", "dir"],
    ["/", "over"],
  ] as const)("to %s goes no %s", ([destination, path]) => {
    const source = { f: "f", "dir/x": "x", "over/opt": "a file where a directory is" };
    expect(() => copied(source, { path }, destination, stage)).toThrowError(
      expect.objectContaining({ code: "COPY_CONFLICT" }),
    );
  });

  test("no file is named like a whiteout", () => {
    expect(() => copied({ ".wh.x": "" }, {}, "/x")).toThrow(/a layer cannot hold/);
  });

  test("of what is copied twice the later stays, once", () => {
    const target = new TargetTree(undefined);
    for (const text of ["1", "22"])
      copyInto(target, sourceOf({ f: text }), { path: "f", isPattern: false }, { destination: "/f" });
    expect(target.entries()).toMatchObject([{ path: "f", size: 2 }]);
  });
});
