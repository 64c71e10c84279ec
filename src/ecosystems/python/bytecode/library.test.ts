import { expect, test } from "vitest";
import { digestOf } from "../../../layer/digest.ts";
import type { ListedEntry } from "../../../layer/listing.ts";
import { MemoryBlobs } from "../../../layer/memory-blobs.ts";
import { readSegmentFile } from "../../../layer/read-file.ts";
import type { SegmentFile } from "../../../layer/segment.ts";
import { segmentId } from "../../../layer/segment-id.ts";
import type { PythonFile } from "./compile.ts";
import {
  isOfLibrary,
  libraryDocument,
  libraryFolder,
  libraryModules,
  libraryRecipe,
  librarySegment,
} from "./library.ts";

const HOME = "usr/lib/python3.11";

function file(path: string, text = path): ListedEntry {
  return { type: "file", path, mode: 0o644, uid: 0, gid: 0, size: text.length, digest: digestOf(text) };
}

function modulesOf(...entries: readonly ListedEntry[]): string[] {
  return libraryModules(entries, HOME, "3.11").map(([path]) => path.slice(HOME.length + 1));
}

test("the library lies below the prefix of its interpreter", () => {
  expect(["usr", "usr/local", ""].map((prefix) => libraryFolder(prefix, "3.11"))).toEqual([
    "usr/lib/python3.11",
    "usr/local/lib/python3.11",
    "lib/python3.11",
  ]);
});

test("modules of the library are regular files below its folder, sorted, without what nobody imports by accident", () => {
  const names = [
    ...["os.py", "abc.py", "json/__init__.py", "test.py", "encodings/cp037.py"],
    ...["site-packages/pip/__init__.py", "dist-packages/apt.py", "test/support/__init__.py"],
    ...["unittest/test/__init__.py", "tkinter/__init__.py", "config-3.11-x86_64-linux-gnu/python-config.py"],
    ...["_sysconfigdata__x86_64-linux-gnu.py", "lib-dynload/_ssl.so", "json/.py", "json/tool.pyw"],
  ];
  const link: ListedEntry = {
    type: "symlink",
    path: `${HOME}/sitecustomize.py`,
    mode: 0o777,
    uid: 0,
    gid: 0,
    target: "/etc/python3.11/sitecustomize.py",
  };
  const others = [file("usr/lib/python3.11.py"), file("usr/lib/python3/dist-packages/a.py"), link];
  expect(modulesOf(...names.map((name) => file(`${HOME}/${name}`)), ...others)).toEqual([
    "abc.py",
    "encodings/cp037.py",
    "json/__init__.py",
    "os.py",
    "test.py",
  ]);
  expect(isOfLibrary(`${HOME}/lib-dynload/_ssl.so`, HOME)).toBe(true);
  expect(isOfLibrary(`${HOME}/idlelib/help.html`, HOME)).toBe(false);
});

test("a module that has bytecode already is left to the image, and one with no room for it", () => {
  const entries = [
    ...[file(`${HOME}/os.py`), file(`${HOME}/abc.py`), file(`${HOME}/__pycache__/os.cpython-311.pyc`)],
    ...[
      file(`${HOME}/__pycache__/abc.cpython-312.pyc`),
      file(`${HOME}/__pycache__/abc.cpython-311.opt-1.pyc`),
    ],
    ...[file(`${HOME}/json/__init__.py`), file(`${HOME}/json/__pycache__`)],
  ];
  expect(modulesOf(...entries)).toEqual(["abc.py"]);
});

test("layout 2: identity is of the modules and the exact interpreter, whatever the order they were listed in", () => {
  const entries = [file(`${HOME}/os.py`), file(`${HOME}/abc.py`)];
  const modules = libraryModules(entries, HOME, "3.11");
  const recipe = libraryRecipe(modules, "3.11.2");
  expect(recipe).toEqual({
    ecosystem: "bytecode",
    layoutVersion: 2,
    source: digestOf(libraryDocument(modules)),
    options: { implementation: "cpython", python: "3.11.2", scheme: "library" },
  });
  expect(libraryDocument(modules)).toBe(
    `[["${HOME}/abc.py","${digestOf(`${HOME}/abc.py`)}"],["${HOME}/os.py","${digestOf(`${HOME}/os.py`)}"]]`,
  );
  const id = segmentId(recipe);
  const of = (...changed: readonly ListedEntry[]) =>
    segmentId(libraryRecipe(libraryModules(changed, HOME, "3.11"), "3.11.2"));
  expect(of(...[...entries].reverse())).toBe(id);
  expect(of(file(`${HOME}/os.py`, "other"), file(`${HOME}/abc.py`))).not.toBe(id);
  expect(segmentId(libraryRecipe(modules, "3.11.3"))).not.toBe(id);
});

test("what compiles of the library is one segment, its files named as Python will", async () => {
  const blobs = new MemoryBlobs();
  const sources = ["os.py", "json/__init__.py", "broken.py"].map((name) => file(`${HOME}/${name}`));
  const modules = libraryModules(sources, HOME, "3.11");
  async function* compile(files: readonly PythonFile[]): AsyncGenerator<Uint8Array | undefined> {
    for (const { path, read } of files)
      yield path.endsWith("broken.py") ? undefined : Buffer.from(`${path} is ${read()}`);
  }
  const read = ([path]: readonly [string, string]) => Buffer.from(`source of ${path}`);
  const segment = await librarySegment(modules, "3.11.2", compile, read, blobs);
  const files = segment.entries as SegmentFile[];
  expect(files.map((it) => [it.path, Buffer.from(readSegmentFile(blobs, it)).toString()])).toEqual([
    [`${HOME}/__pycache__/os.cpython-311.pyc`, `/${HOME}/os.py is source of ${HOME}/os.py`],
    [
      `${HOME}/json/__pycache__/__init__.cpython-311.pyc`,
      `/${HOME}/json/__init__.py is source of ${HOME}/json/__init__.py`,
    ],
  ]);
  expect(segment).toMatchObject({ name: "bytecode of Python 3.11.2", key: "python3.11" });
});
