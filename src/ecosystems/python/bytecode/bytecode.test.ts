import { expect, test } from "vitest";
import { digestOf } from "../../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../../layer/entry.ts";
import { segmentFromFiles } from "../../../layer/files.ts";
import { MemoryBlobs } from "../../../layer/memory-blobs.ts";
import { readSegmentFile } from "../../../layer/read-file.ts";
import type { SegmentFile } from "../../../layer/segment.ts";
import { segmentId } from "../../../layer/segment-id.ts";
import { bytecodeRecipe, bytecodeSegment, hasModules, isExactVersion, sourceOfBytecode } from "./bytecode.ts";
import type { PythonFile } from "./compile.ts";

const SITE = "opt/venv/lib/python3/site-packages";
const blobs = new MemoryBlobs();

function wheelOf(files: Readonly<Record<string, string>>) {
  const entries = Object.entries(files).map(([path, text]) => {
    return { type: "file", path, mode: 0o755, uid: 0, gid: 0, content: Buffer.from(text) } as const;
  });
  const recipe = {
    ecosystem: "python",
    layoutVersion: 1,
    source: digestOf("wheel"),
    options: { scheme: "venv" },
  } as const;
  return segmentFromFiles(
    { recipe, name: "demo 1.0", key: "demo", mtimeSec: CONSTANT_MTIME, entries },
    blobs,
  );
}

/** Says what it was given; sources that begin with `!` do not compile. */
async function* compile(files: readonly PythonFile[]): AsyncGenerator<Uint8Array | undefined> {
  for (const { path, read } of files) {
    const text = Buffer.from(read()).toString();
    yield text.startsWith("!") ? undefined : Buffer.from(`${path}: ${text}`);
  }
}

test("a wheel's modules in site-packages get bytecode beside them, which names them as Python will", async () => {
  const wheel = wheelOf({
    "opt/venv/bin/tool.py": "script",
    [`${SITE}/demo/__init__.py`]: "",
    [`${SITE}/demo/a.b.py`]: "dotted",
    [`${SITE}/demo/data.txt`]: "text",
    [`${SITE}/demo/not.pyc`]: "other",
    [`${SITE}/demo/wrong.py`]: "!",
    [`${SITE}/single.py`]: "single",
  });
  const segment = await bytecodeSegment(wheel, "3.11.2", compile, blobs, blobs);
  const files = segment.entries as SegmentFile[];
  expect(files.map((file) => [file.path, Buffer.from(readSegmentFile(blobs, file)).toString()])).toEqual([
    [
      `${SITE}/__pycache__/single.cpython-311.pyc`,
      "/opt/venv/lib/python3.11/site-packages/single.py: single",
    ],
    [
      `${SITE}/demo/__pycache__/__init__.cpython-311.pyc`,
      "/opt/venv/lib/python3.11/site-packages/demo/__init__.py: ",
    ],
    [
      `${SITE}/demo/__pycache__/a.b.cpython-311.pyc`,
      "/opt/venv/lib/python3.11/site-packages/demo/a.b.py: dotted",
    ],
  ]);
  expect(files.every(({ mode, uid, gid }) => mode === 0o644 && uid === 0 && gid === 0)).toBe(true);
  expect(segment).toMatchObject({ name: "bytecode of demo 1.0", key: "demo", mtimeSec: CONSTANT_MTIME });
  expect(segment.sizeBytes).toBe(files.reduce((sum, { size }) => sum + size, 0));
  expect(files.map(({ path }) => sourceOfBytecode(path))).toEqual([
    `${SITE}/single.py`,
    `${SITE}/demo/__init__.py`,
    `${SITE}/demo/a.b.py`,
  ]);
});

test("where a file is called __pycache__ there is no room for bytecode", async () => {
  const wheel = wheelOf({
    [`${SITE}/demo/__pycache__`]: "",
    [`${SITE}/demo/a.py`]: "",
    [`${SITE}/demo/.py`]: "",
  });
  const segment = await bytecodeSegment(wheel, "3.11.2", compile, blobs, blobs);
  expect(segment).toMatchObject({ entries: [], blobs: [], sizeBytes: 0 });
});

test("only a wheel with modules has something to compile", () => {
  expect(hasModules(wheelOf({ [`${SITE}/a.py`]: "" }))).toBe(true);
  expect(hasModules(wheelOf({ "opt/venv/bin/a.py": "", [`${SITE}/a.so`]: "" }))).toBe(false);
});

test("layout 2: identity is of the wheel and the exact interpreter, of no machine", () => {
  const recipe = bytecodeRecipe(digestOf("wheel"), "3.11.2");
  expect(recipe).toEqual({
    ecosystem: "bytecode",
    layoutVersion: 2,
    source: digestOf("wheel"),
    options: { implementation: "cpython", python: "3.11.2", scheme: "venv" },
  });
  expect(segmentId(recipe)).not.toBe(segmentId(bytecodeRecipe(digestOf("wheel"), "3.11.3")));
});

test("X.Y alone does not say whose bytecode it is", () => {
  expect(["3.11.2", "3.14.0rc1"].map(isExactVersion)).toEqual([true, true]);
  expect(["3.11", "3.11.2+", "4.0.0", ""].map(isExactVersion)).toEqual([false, false, false, false]);
});
