import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { canonicalJson } from "../../../src/canonical-json.ts";
import { bytecodeRecipe } from "../../../src/ecosystems/python/bytecode/bytecode.ts";
import { libraryRecipe } from "../../../src/ecosystems/python/bytecode/library.ts";
import { parseWheelFilename } from "../../../src/ecosystems/python/standards/wheel-filename.ts";
import { ContentInspector, planWheelFile, wheelSegment } from "../../../src/ecosystems/python/transcode.ts";
import { directUrlJson } from "../../../src/ecosystems/python/wheel/direct-url.ts";
import { venvScheme } from "../../../src/ecosystems/python/wheel/scheme.ts";
import { scriptText } from "../../../src/ecosystems/python/wheel/scripts.ts";
import { venvSegment } from "../../../src/ecosystems/python/wheel/venv.ts";
import { archiveInMemory } from "../../../src/ecosystems/python/zip/archive-file.ts";
import { deflatePinned } from "../../../src/layer/deflate.ts";
import { digestOf } from "../../../src/layer/digest.ts";
import { MemoryBlobs } from "../../../src/layer/memory-blobs.ts";
import { readSegmentFile } from "../../../src/layer/read-file.ts";
import type { BlobReader, Segment, SegmentFile } from "../../../src/layer/segment.ts";
import { segmentId } from "../../../src/layer/segment-id.ts";
import { elfOf } from "../../support/elf.ts";
import { zip } from "../../support/zip.ts";
import { columns, type Example, octal } from "./example.ts";

const FILENAME = "demo-1.0-py3-none-any.whl";
type Contents = readonly (readonly [path: string, content: string | Buffer, mode?: number])[];
const CONTENTS: Contents = [
  ["demo/__init__.py", "def main():\n    print('demo')\n"],
  ["demo/tool.sh", "#!/bin/sh\n", 0o100775],
  ["demo-1.0.data/scripts/demo-report", "#!python -E\nprint('report')\n", 0o100755],
  ["demo-1.0.data/data/share/demo.txt", "data\n"],
  ["demo-1.0.data/headers/demo.h", "#define DEMO 1\n"],
  ["demo-1.0.dist-info/entry_points.txt", "[console_scripts]\ndemo = demo:main\n"],
  ["demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"],
  ["demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"],
];

const SHARED_OBJECTS: Contents = [
  ["demo/_fast.cpython-311-x86_64-linux-gnu.so", elfOf({ needed: ["libdemo-1a2b.so.3", "libc.so.6"] })],
  [
    "demo.libs/libdemo-1a2b.so.3",
    elfOf({ soname: "libdemo-1a2b.so.3", needed: ["libc.so.6"], runpath: "$ORIGIN" }),
  ],
];

/** Deflated by the pinned compressor, so that the wheel's bytes are the same on every Node. */
function exampleWheel(): Buffer {
  return wheelOf(CONTENTS);
}

function wheelOf(contents: Contents): Buffer {
  const rows = contents.map(([path, content]) => {
    const hash = createHash("sha256").update(content).digest("base64url");
    return `${path},sha256=${hash},${content.length}\n`;
  });
  const record = ["demo-1.0.dist-info/RECORD", `${rows.join("")}demo-1.0.dist-info/RECORD,,\n`] as const;
  return zip(
    [...contents, record].map(([name, content, mode]) => ({
      name,
      content,
      compressed: deflatePinned(Buffer.from(content)),
      ...(mode !== undefined && { mode }),
    })),
  );
}

async function exampleSegment(): Promise<{ segment: Segment; reader: BlobReader }> {
  return segmentOf(exampleWheel());
}

async function segmentOf(bytes: Buffer): Promise<{ segment: Segment; reader: BlobReader }> {
  const blobs = new MemoryBlobs();
  const digest = blobs.put(bytes);
  const plan = await planWheelFile({ digest, filename: FILENAME }, archiveInMemory(bytes, FILENAME));
  const inspector = new ContentInspector(blobs, FILENAME);
  return {
    segment: await wheelSegment(plan, (...file) => inspector.inspect(...file), blobs),
    reader: blobs,
  };
}

export async function pythonExamples(): Promise<Example[]> {
  const { segment, reader } = await exampleSegment();
  const files = segment.entries as readonly SegmentFile[];
  const text = (path: string) => {
    const file = files.find((it) => it.path === path);
    if (file === undefined) throw new Error(`the example has no ${path}`);
    return Buffer.from(readSegmentFile(reader, file)).toString("utf8");
  };
  const { sharedObjects = [] } = (await segmentOf(wheelOf([...CONTENTS, ...SHARED_OBJECTS]))).segment;
  const wheelDigest = segment.recipe.source;
  const bytecode = bytecodeRecipe(wheelDigest, "3.11.2");
  const abc = "usr/lib/python3.11/abc.py";
  const library = libraryRecipe([[abc, digestOf("")]], "3.11.2");
  const site = "opt/venv/lib/python3/site-packages";
  for (const { path, payload, size } of files) {
    const content = text(path);
    if (Buffer.byteLength(content) !== size || (payload?.crc32 ?? 0) !== crc32(content))
      throw new Error(path);
  }
  return [
    { name: "bytecode-recipe", text: `${canonicalJson(bytecode)}\nid ${segmentId(bytecode)}` },
    { name: "library-bytecode-recipe", text: `${canonicalJson(library)}\nid ${segmentId(library)}` },
    { name: "wheel-recipe", text: `${canonicalJson(segment.recipe)}\nid ${segment.id}` },
    {
      name: "wheel-segment",
      text: columns([
        ["mode", "size", "payload in", "path"],
        ...files.map(({ mode, size, payload, path }) => [
          octal(mode),
          size,
          payload === undefined
            ? "-"
            : payload.blob === wheelDigest
              ? `wheel, ${payload.offset}+${payload.length}`
              : `pack, ${payload.offset}+${payload.length}`,
          path,
        ]),
      ]),
    },
    { name: "shared-objects", text: sharedObjects.map((object) => JSON.stringify(object)).join("\n") },
    { name: "record", text: text(`${site}/demo-1.0.dist-info/RECORD`).replaceAll("\r\n", "\n").trimEnd() },
    { name: "script", text: text("opt/venv/bin/demo").trimEnd() },
    { name: "data-script", text: text("opt/venv/bin/demo-report").trimEnd() },
    {
      name: "long-script",
      text: scriptText(
        { name: "demo", module: "demo", object: "main" },
        `/${"a-long-folder-name/".repeat(7)}bin/python`,
      )
        .split("\n")
        .slice(0, 4)
        .join("\n"),
    },
    { name: "scheme-table", text: schemeTable() },
    {
      name: "direct-url",
      text: directUrlJson({
        url: "https://user:secret@files.example/demo-1.0-py3-none-any.whl",
        archive_info: { hashes: { sha256: digestOf("").slice(7) } },
      }),
    },
    { name: "venv", text: venvTable() },
  ];
}

function schemeTable(): string {
  const names = [
    "demo-1.0-py3-none-any",
    "demo-1.0-cp39-abi3-manylinux_2_17_x86_64",
    "demo-1.0-py2.py3-none-any",
    "demo-1.0-cp311-cp311-manylinux_2_17_x86_64",
    "demo-1.0-cp311-none-any",
  ];
  return columns([
    ["compatibility tags", "headers", "RECORD counts from", "python in the recipe"],
    ...names.map((name) => {
      const scheme = venvScheme(parseWheelFilename(`${name}.whl`));
      return [
        name.slice("demo-1.0-".length),
        `/${scheme.paths.headers}`,
        `/${scheme.recordBase}`,
        scheme.pythonVersion ?? "-",
      ];
    }),
  ]);
}

function venvTable(): string {
  const blobs = new MemoryBlobs();
  const segment = venvSegment({ version: "3.11.2", path: "/usr/bin/python3.11" }, blobs);
  const rows = segment.entries.map((entry) => [
    entry.type,
    octal(entry.mode),
    `/${entry.path}`,
    entry.type === "symlink" ? `-> ${entry.target}` : "",
  ]);
  const settings = segment.entries.find((it) => it.path.endsWith("pyvenv.cfg")) as SegmentFile;
  return `${columns(rows)}\n\n${Buffer.from(readSegmentFile(blobs, settings)).toString("utf8").trimEnd()}`;
}
