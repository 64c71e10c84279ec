import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Tree, treeOf, writeTree } from "../../tests/support/tree.ts";
import { type IgnoreFileKind, walkContext } from "./walk.ts";

async function pathsOf(
  tree: Tree,
  ignoreFiles: IgnoreFileKind[] = [],
  exclude: string[] = [],
): Promise<string[]> {
  using folder = treeOf(tree);
  return (await walkContext(folder.path, { ignoreFiles, exclude })).files.map(({ path }) => path);
}

test("lists files, directories and links by byte order, without .git at any depth", async () => {
  const paths = await pathsOf({
    "b/x": "",
    "b-c": "",
    "a.txt": "",
    "empty/": "",
    link: { link: "../outside" },
    ".git/HEAD": "",
    "sub/.git/HEAD": "",
    ".github/workflow": "",
  });
  expect(paths).toEqual([".github", ".github/workflow", "a.txt", "b", "b-c", "b/x", "empty", "link", "sub"]);
});

test("a link keeps its text and is not followed, even to a directory", async () => {
  using folder = treeOf({ "d/file": "", here: { link: "d" }, gone: { link: "/nowhere" } });
  const { files } = await walkContext(folder.path, { ignoreFiles: [] });
  expect(files.filter(({ type }) => type === "symlink").map(({ path, target }) => [path, target])).toEqual([
    ["gone", "/nowhere"],
    ["here", "d"],
  ]);
  expect(files.some(({ path }) => path.startsWith("here/"))).toBe(false);
});

describe(".dockerignore", () => {
  test("keeps what a negation brings back, and the directories above it", async () => {
    const tree = {
      ".dockerignore": "*\n!src/deep/keep.txt\n",
      "src/deep/keep.txt": "",
      "src/deep/no": "",
      "other/x": "",
    };
    expect(await pathsOf(tree, ["dockerignore"])).toEqual(["src", "src/deep", "src/deep/keep.txt"]);
  });

  test("counts only when asked", async () => {
    expect(await pathsOf({ ".dockerignore": "a", a: "" })).toEqual([".dockerignore", "a"]);
  });

  test("says which line excluded a path, once for a whole directory", async () => {
    using folder = treeOf({ ".dockerignore": "# big\ndata\n", "data/1": "", "data/2": "" });
    const { excluded } = await walkContext(folder.path, { ignoreFiles: ["dockerignore"] });
    expect(excluded).toEqual([{ path: "data", by: ".dockerignore:2" }]);
  });

  test("can bring back what the defaults leave out", async () => {
    const tree = { ".dockerignore": "!.env", ".env": "", "x/.venv/y": "" };
    expect(await pathsOf(tree, ["dockerignore"], [".env", "**/.venv"])).toEqual([
      ".dockerignore",
      ".env",
      "x",
    ]);
  });
});

describe(".gitignore", () => {
  const both: IgnoreFileKind[] = ["dockerignore", "gitignore"];

  test("counts in every directory, the deepest last", async () => {
    const tree = {
      ".gitignore": "*.log\nbuild/\n",
      "a.log": "",
      "build/out": "",
      "sub/.gitignore": "!important.log\nsecret\n",
      "sub/important.log": "",
      "sub/other.log": "",
      "sub/secret/x": "",
      "sub/build": "a file, which build/ does not mean",
    };
    expect(await pathsOf(tree, both)).toEqual([
      ".gitignore",
      "sub",
      "sub/.gitignore",
      "sub/build",
      "sub/important.log",
    ]);
  });

  test("gives way to a negation in .dockerignore, such as for built assets", async () => {
    const tree = {
      ".gitignore": "dist/\n",
      ".dockerignore": "!dist/app.js\n",
      "dist/app.js": "",
      "dist/app.map": "",
    };
    expect(await pathsOf(tree, both)).toEqual([".dockerignore", ".gitignore", "dist", "dist/app.js"]);
  });

  test("agrees with git about what is ignored", async () => {
    const name = fc.constantFrom("a", "b", "c.log", "build");
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => `${parts.join("/")}.f`);
    const line = fc.constantFrom(
      "*.f",
      "a",
      "/b",
      "build/",
      "!a.f",
      "**/c.log",
      "a/*",
      "!build/a.f",
      "b/**",
      "c.log/a.f",
    );
    const ignore = fc.array(line, { maxLength: 4 }).map((lines) => lines.join("\n"));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(path, { minLength: 1, maxLength: 8 }),
        ignore,
        ignore,
        async (files, top, nested) => {
          using folder = treeOf({});
          mkdirSync(join(folder.path, "a"));
          writeTree(folder.path, Object.fromEntries(files.map((file) => [file, ""])));
          writeFileSync(join(folder.path, ".gitignore"), top);
          writeFileSync(join(folder.path, "a/.gitignore"), nested);
          const git = (...args: string[]) =>
            execFileSync("git", ["-c", "core.excludesFile=/dev/null", ...args], {
              cwd: folder.path,
              encoding: "utf8",
            });
          git("init", "-q");
          const expected = git("ls-files", "-z", "--others", "--exclude-standard")
            .split("\0")
            .filter(Boolean)
            .sort();
          const { files: walked } = await walkContext(folder.path, { ignoreFiles: ["gitignore"] });
          expect(
            walked
              .filter(({ type }) => type === "file")
              .map(({ path: at }) => at)
              .sort(),
          ).toEqual(expected);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("what cannot be in an image", () => {
  test("a pipe is skipped with a warning", async () => {
    using folder = treeOf({ a: "" });
    execFileSync("mkfifo", [join(folder.path, "pipe")]);
    const { files, warnings } = await walkContext(folder.path, { ignoreFiles: [] });
    expect(files.map(({ path }) => path)).toEqual(["a"]);
    expect(warnings).toEqual(["skipped pipe: a pipe cannot be part of an image"]);
  });

  test("a name that is not UTF-8 is refused, one with U+FFFD is not", async () => {
    using folder = treeOf({ "fine-\uFFFD": "" });
    expect((await walkContext(folder.path, { ignoreFiles: [] })).files).toHaveLength(1);
    writeFileSync(Buffer.concat([Buffer.from(`${folder.path}/bad-`), Buffer.from([0xff])]), "");
    await expect(walkContext(folder.path, { ignoreFiles: [] })).rejects.toMatchObject({
      code: "CONTEXT_NAME",
      message: '.: a file name is not UTF-8: "bad-ÿ"',
    });
  });

  test("a folder that is not there, or is a file, is named", async () => {
    using folder = treeOf({ file: "" });
    for (const path of [join(folder.path, "missing"), join(folder.path, "file")]) {
      await expect(walkContext(path, { ignoreFiles: [] })).rejects.toMatchObject({
        code: "CONTEXT_MISSING",
        exitCode: 2,
        message: `no such directory: ${path}`,
      });
    }
  });

  test("a context without end is refused with the limit", async () => {
    using folder = treeOf({ a: "", b: "", c: "" });
    await expect(walkContext(folder.path, { ignoreFiles: [], maxEntries: 2 })).rejects.toMatchObject({
      code: "CONTEXT_LIMIT",
      message: expect.stringContaining("more than 2"),
    });
  });
});

test("an abort ends the walk", async () => {
  using folder = treeOf({ a: "" });
  await expect(walkContext(folder.path, { ignoreFiles: [], signal: AbortSignal.abort() })).rejects.toThrow(
    /abort/i,
  );
});
