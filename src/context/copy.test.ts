import { describe, expect, test } from "vitest";
import { type Tree, treeOf } from "../../tests/support/tree.ts";
import { type CopyOp, type CopyOptions, copyEntries } from "./copy.ts";
import { walkContext } from "./walk.ts";

type Copied = {
  op: Partial<CopyOp> & Pick<CopyOp, "sources" | "destination">;
  options?: Partial<CopyOptions>;
};

async function copied(tree: Tree, { op, options }: Copied) {
  using folder = treeOf(tree);
  const context = await walkContext(folder.path, { ignoreFiles: ["dockerignore"] });
  try {
    return copyEntries(context, { op: "copy", ...op }, { modes: "normalize", uid: 0, gid: 0, ...options });
  } catch (error) {
    // The folder's name is different each time.
    if (error instanceof Error) error.message = error.message.replaceAll(folder.path, "[folder]");
    throw error;
  }
}

async function pathsOf(tree: Tree, sources: string[], destination: string, more: Partial<CopyOp> = {}) {
  const entries = await copied(tree, { op: { sources, destination, ...more } });
  return entries
    .filter(({ isImplied }) => isImplied !== true)
    .map(({ path, source }) => [path, source?.path ?? ""]);
}

const project: Tree = {
  "app.py": "",
  "lib/a.py": "",
  "lib/sub/b.py": "",
  "data/1.csv": "",
  "data/2.csv": "",
  "data/n.txt": "",
};

describe("where things go, by Docker's rules", () => {
  test("a file to a path is that file; to a path with a slash it keeps its name", async () => {
    expect(await pathsOf(project, ["app.py"], "/srv/run.py")).toEqual([["srv/run.py", "app.py"]]);
    expect(await pathsOf(project, ["app.py"], "/srv/")).toEqual([["srv/app.py", "app.py"]]);
    expect(await pathsOf(project, ["/app.py"], "/srv/.")).toEqual([["srv/app.py", "app.py"]]);
  });

  test("a file to a directory of the image goes into it", async () => {
    const entries = await copied(project, {
      op: { sources: ["app.py"], destination: "/app" },
      options: { isDirectory: (path) => path === "/app" },
    });
    expect(entries.map(({ path }) => path)).toEqual(["app", "app/app.py"]);
  });

  test("of a directory the contents are copied, and the destination is a directory", async () => {
    expect(await pathsOf(project, ["lib"], "/app")).toEqual([
      ["app/a.py", "lib/a.py"],
      ["app/sub", ""],
      ["app/sub/b.py", "lib/sub/b.py"],
    ]);
  });

  test("the whole context to the root of the image", async () => {
    expect(await pathsOf({ a: "", "b/c": "" }, ["."], "/")).toEqual([
      ["a", "a"],
      ["b", ""],
      ["b/c", "b/c"],
    ]);
  });

  test("a wildcard does not cross a slash, ** does", async () => {
    expect(await pathsOf(project, ["data/*.csv"], "/d/")).toEqual([
      ["d/1.csv", "data/1.csv"],
      ["d/2.csv", "data/2.csv"],
    ]);
    expect(await pathsOf(project, ["**/*.py"], "/d/")).toEqual([
      ["d/a.py", "lib/a.py"],
      ["d/app.py", "app.py"],
      ["d/b.py", "lib/sub/b.py"],
    ]);
  });

  test("several files need a destination that says it is a directory", async () => {
    await expect(pathsOf(project, ["data/*.csv"], "/d")).rejects.toMatchObject({
      code: "COPY_DESTINATION",
      message: 'copy of 2 files to "/d", which does not say that it is a directory',
      hint: "Write /d/ with a slash at the end.",
    });
  });

  test("a later source wins", async () => {
    expect(await pathsOf({ "a/x": "1", "b/x": "2" }, ["a", "b"], "/app/")).toEqual([["app/x", "b/x"]]);
  });

  test("a path cannot be a file and a directory", async () => {
    await expect(pathsOf({ "a/x": "", "b/x/y": "" }, ["a", "b"], "/app/")).rejects.toMatchObject({
      code: "COPY_CONFLICT",
      message: expect.stringContaining("/app/x"),
    });
  });

  test("exclude speaks as .dockerignore does, and keeps no empty shell of what it excludes", async () => {
    expect(await pathsOf(project, ["."], "/app/", { exclude: ["data", "**/*.py", "!app.py"] })).toEqual([
      ["app/app.py", "app.py"],
      ["app/lib", ""],
      ["app/lib/sub", ""],
    ]);
  });
});

describe("modes and owners", () => {
  const tree: Tree = {
    tool: { mode: 0o711, text: "" },
    secret: { mode: 0o600, text: "" },
    "d/suid": { mode: 0o4755, text: "" },
  };

  test("normalized, only the owner's x counts", async () => {
    const entries = await copied(tree, { op: { sources: ["."], destination: "/a" } });
    expect(entries.map(({ path, mode }) => [path, mode.toString(8)])).toEqual([
      ["a", "755"],
      ["a/d", "755"],
      ["a/d/suid", "755"],
      ["a/secret", "644"],
      ["a/tool", "755"],
    ]);
  });

  test("kept, they are those on disk", async () => {
    const entries = await copied(tree, {
      op: { sources: ["."], destination: "/a" },
      options: { modes: "keep" },
    });
    expect(entries.find(({ path }) => path === "a/secret")?.mode).toBe(0o600);
    expect(entries.find(({ path }) => path === "a/d/suid")?.mode).toBe(0o4755);
  });

  test("chmod holds for files; directories can still be entered by who may read them", async () => {
    const entries = await copied(tree, { op: { sources: ["."], destination: "/a", chmod: 0o640 } });
    expect(entries.map(({ path, mode }) => [path, mode.toString(8)])).toEqual([
      ["a", "750"],
      ["a/d", "750"],
      ["a/d/suid", "640"],
      ["a/secret", "640"],
      ["a/tool", "640"],
    ]);
  });

  test("the owner is put on everything", async () => {
    const entries = await copied(tree, {
      op: { sources: ["."], destination: "/a" },
      options: { uid: 1000, gid: 7 },
    });
    expect(new Set(entries.map(({ uid, gid }) => `${uid}:${gid}`))).toEqual(new Set(["1000:7"]));
  });
});

describe("links", () => {
  test("inside a copied directory they stay links, wherever they lead", async () => {
    const entries = await copied(
      { "d/out": { link: "/etc/passwd" } },
      { op: { sources: ["d"], destination: "/a" } },
    );
    expect(entries.at(-1)).toMatchObject({ path: "a/out", type: "symlink", target: "/etc/passwd" });
  });

  test("a named link means what it leads to, under its own name", async () => {
    const tree = { "real/v2/f": "", current: { link: "real/v2" }, "deep/up": { link: "../file" }, file: "" };
    expect(await pathsOf(tree, ["current"], "/a")).toEqual([["a/f", "real/v2/f"]]);
    expect(await pathsOf(tree, ["deep/up"], "/a/")).toEqual([["a/up", "file"]]);
    expect(await pathsOf(tree, ["current/f"], "/a/")).toEqual([["a/f", "real/v2/f"]]);
  });

  test.for([
    [{ link: "/etc/passwd" }, "COPY_SOURCE_OUTSIDE"],
    [{ link: "../../etc/passwd" }, "COPY_SOURCE_OUTSIDE"],
    [{ link: "x" }, "COPY_SOURCE_MISSING"],
    [{ link: "nothing" }, "COPY_SOURCE_MISSING"],
  ] as const)("a named link %j is refused", async ([node, code]) => {
    await expect(pathsOf({ x: node }, ["x"], "/a/")).rejects.toMatchObject({ code, exitCode: 2 });
  });
});

describe("what is not there", () => {
  test("names what is nearby", async () => {
    await expect(pathsOf(project, ["lib/aa.py"], "/a/")).rejects.toMatchObject({
      code: "COPY_SOURCE_MISSING",
      message: "copy: lib/aa.py is not in the build context [folder]",
      hint: "There is lib/a.py, lib/sub.",
    });
    await expect(pathsOf(project, ["lip/a.py"], "/a/")).rejects.toMatchObject({
      hint: expect.stringContaining("lib"),
    });
  });

  test("names the line that excluded it", async () => {
    const tree = { ".dockerignore": "*.md\ndata\n", "data/x": "" };
    await expect(pathsOf(tree, ["data/x"], "/a/")).rejects.toMatchObject({
      code: "COPY_SOURCE_MISSING",
      message: "copy: data/x is in the folder, but .dockerignore:2 excludes data",
    });
  });

  test.for(["../x", "a/../../x", "/../x"])("%s is outside", async (source) => {
    await expect(pathsOf(project, [source], "/a/")).rejects.toMatchObject({ code: "COPY_SOURCE_OUTSIDE" });
  });

  test("a wildcard without match is an error", async () => {
    await expect(pathsOf(project, ["*.txt"], "/a/")).rejects.toMatchObject({ code: "COPY_SOURCE_MISSING" });
  });

  test("a destination cannot climb out of the image", async () => {
    expect(await pathsOf(project, ["app.py"], "/../../etc/x")).toEqual([["etc/x", "app.py"]]);
  });
});
