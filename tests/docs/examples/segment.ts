import { zstdDecompressSync } from "node:zlib";
import { canonicalJson } from "../../../src/canonical-json.ts";
import { digestOf } from "../../../src/layer/digest.ts";
import { CONSTANT_MTIME } from "../../../src/layer/entry.ts";
import { type SourceEntry, segmentFromFiles } from "../../../src/layer/files.ts";
import { MemoryBlobs } from "../../../src/layer/memory-blobs.ts";
import type { Recipe, Segment } from "../../../src/layer/segment.ts";
import { segmentId } from "../../../src/layer/segment-id.ts";
import { encodeSegment } from "../../../src/store/segment-codec.ts";
import { columns, type Example, hexDump, octal } from "./example.ts";

const RECIPE: Recipe = {
  ecosystem: "generated",
  layoutVersion: 1,
  source: digestOf("example"),
  options: { name: "example" },
};

const root = { uid: 0, gid: 0 };
const ENTRIES: readonly SourceEntry[] = [
  { type: "file", path: "etc/empty", mode: 0o644, ...root, content: Buffer.from("") },
  { type: "file", path: "etc/greeting", mode: 0o644, ...root, content: Buffer.from("hello, hello, hello\n") },
  { type: "hardlink", path: "etc/welcome", mode: 0o644, ...root, target: "etc/greeting" },
  { type: "directory", path: "srv/data", mode: 0o750, uid: 1000, gid: 1000 },
  {
    type: "file",
    path: "usr/bin/greet",
    mode: 0o755,
    ...root,
    content: Buffer.from("#!/bin/cat /etc/greeting\n"),
  },
  { type: "symlink", path: "usr/bin/hi", mode: 0o777, ...root, target: "greet" },
];

/** The segment of all examples, with the blobs that it points into. */
export function exampleSegment(): { readonly segment: Segment; readonly blobs: MemoryBlobs } {
  const blobs = new MemoryBlobs();
  const input = {
    recipe: RECIPE,
    name: "example 1.0",
    key: "example",
    mtimeSec: CONSTANT_MTIME,
    entries: ENTRIES,
  };
  return { segment: segmentFromFiles(input, blobs), blobs };
}

export function segmentExamples(): Example[] {
  const { segment, blobs } = exampleSegment();
  const [pack] = segment.blobs;
  const packBytes = new Uint8Array(
    segment.entries.reduce((sum, it) => sum + (it.type === "file" ? (it.payload?.length ?? 0) : 0), 0),
  );
  blobs.read(pack!, 0, packBytes);
  const stored = encodeSegment(segment);
  const document = zstdDecompressSync(stored.subarray(4)).toString("utf8");
  return [
    { name: "recipe", text: `${canonicalJson(RECIPE)}\nid ${segmentId(RECIPE)}` },
    {
      name: "entries",
      text: columns([
        ["type", "path", "mode", "uid:gid", "size", "target, or payload: offset+length crc32"],
        ...segment.entries.map((entry) => [
          entry.type,
          entry.path,
          octal(entry.mode),
          `${entry.uid}:${entry.gid}`,
          entry.type === "file" ? entry.size : "",
          entry.type === "file"
            ? entry.payload === undefined
              ? ""
              : `${entry.payload.offset}+${entry.payload.length} ${entry.payload.crc32.toString(16).padStart(8, "0")}`
            : "target" in entry
              ? entry.target
              : "",
        ]),
      ]),
    },
    { name: "pack", text: `${hexDump(packBytes)}\n${pack}` },
    { name: "stored-segment", text: wrapped(document) },
  ];
}

/** One member a line, so that the page can be read; the file itself has no line ends. */
function wrapped(document: string): string {
  const members = Object.entries(JSON.parse(document) as object).map(
    ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  );
  const text = `{${members.join(",")}}`;
  if (text !== document) throw new Error("the document is not what JSON.stringify gives");
  return `{${members.join(",\n")}}`;
}
