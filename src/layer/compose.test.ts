import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arrange } from "./arrange.ts";
import { composeLayer } from "./compose.ts";
import { composedLayer, describeLayer } from "./describe.ts";
import { digestOf } from "./digest.ts";
import { CONSTANT_MTIME, comparePaths } from "./entry.ts";
import { type SourceEntry, segmentFromFiles } from "./files.ts";
import { MemoryBlobs } from "./memory-blobs.ts";
import { readTar } from "./read-tar.ts";
import type { Segment } from "./segment.ts";

const owner = { uid: 0, gid: 0 };
const file = (path: string, content: string, mode = 0o644): SourceEntry => ({
  type: "file",
  path,
  mode,
  ...owner,
  content: Buffer.from(content),
});
const link = (path: string, target: string): SourceEntry => ({
  type: "symlink",
  path,
  mode: 0o777,
  ...owner,
  target,
});
const directory = (path: string, mode: number): SourceEntry => ({ type: "directory", path, mode, ...owner });

function segment(blobs: MemoryBlobs, key: string, entries: readonly SourceEntry[]): Segment {
  const recipe = { ecosystem: "files", layoutVersion: 1, source: digestOf(key), options: {} } as const;
  return segmentFromFiles({ recipe, name: key, key, mtimeSec: CONSTANT_MTIME, entries }, blobs);
}

async function build(blobs: MemoryBlobs, tiers: Segment[][], tierIndex = 0) {
  const arrangement = arrange(tiers);
  const tier = arrangement.tiers[tierIndex];
  if (tier === undefined) throw new Error("no such tier");
  const plan = composeLayer(tier.segments, tier);
  const record = await describeLayer(plan, blobs, "test");
  const chunks: Uint8Array[] = [];
  for await (const chunk of composedLayer(plan, record, blobs).compressed()) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const tree: Record<string, string> = {};
  const order: string[] = [];
  async function* tar() {
    yield gunzipSync(bytes);
  }
  for await (const entry of readTar(tar(), "test")) {
    const content: Uint8Array[] = [];
    for await (const chunk of entry.content()) content.push(chunk);
    order.push(entry.path);
    tree[entry.path] =
      entry.type === "file"
        ? Buffer.concat(content).toString()
        : entry.type === "directory"
          ? `dir ${entry.mode.toString(8)}`
          : `${entry.type} ${entry.target}`;
  }
  return { bytes, record, plan, tree, order, arrangement };
}

test("digest, size and diff id are those of the bytes that come out", async () => {
  const blobs = new MemoryBlobs();
  const { bytes, record } = await build(blobs, [
    [
      segment(blobs, "a", [
        file("x/y", "hello"),
        file("empty", ""),
        file("big", "0123456789".repeat(600_000)),
      ]),
    ],
  ]);
  expect(digestOf(bytes)).toBe(record.descriptor.digest);
  expect(bytes.length).toBe(record.descriptor.size);
  expect(digestOf(gunzipSync(bytes))).toBe(record.diffId);
});

test("layout 1: these layer bytes do not move", async () => {
  const blobs = new MemoryBlobs();
  const { record } = await build(blobs, [
    [
      segment(blobs, "a", [
        file("opt/venv/bin/tool", "#!/opt/venv/bin/python\n", 0o755),
        file("empty", ""),
        link("lib64", "lib"),
        directory("tmp", 0o1777),
      ]),
      segment(blobs, "b", [
        file(`${"deep/".repeat(60)}é`, "content\n"),
        { type: "hardlink", path: "again", target: "empty2", mode: 0o644, ...owner },
        file("empty2", ""),
      ]),
    ],
  ]);
  expect([record.descriptor.digest, record.descriptor.size, record.diffId]).toMatchInlineSnapshot(`
    [
      "sha256:e1967d858bd4c26d05d344fd0d2e960919f22049220b10cc9445d20e9d5025f2",
      6914,
      "sha256:fb0ff6166867ee323b7e8ec3ed054202b03db5b9baf4dac3d42f5ed3730091bc",
    ]
  `);
});

test("each needed parent stands once, before its children, plain unless stated", async () => {
  const blobs = new MemoryBlobs();
  const { tree, order } = await build(blobs, [
    [
      segment(blobs, "a", [file("a/b/c", "1"), directory("root", 0o700), file("root/x", "2")]),
      segment(blobs, "b", [file("a/b/d", "3")]),
    ],
  ]);
  expect(tree).toEqual({
    a: "dir 755",
    "a/b": "dir 755",
    "a/b/c": "1",
    "a/b/d": "3",
    root: "dir 700",
    "root/x": "2",
  });
  expect(new Set(order).size).toBe(order.length);
});

test("a parent that a lower tier states keeps its metadata, and a higher tier does not change lower layers", async () => {
  const blobs = new MemoryBlobs();
  const base = segment(blobs, "base", [directory("root", 0o700)]);
  const app = segment(blobs, "app", [file("root/app", "x"), directory("opt", 0o711)]);
  const upper = await build(blobs, [[base], [app]], 1);
  expect(upper.tree).toMatchObject({ root: "dir 700", opt: "dir 711" });
  const alone = await build(blobs, [[segment(blobs, "p", [file("opt/p", "x")])]], 0);
  const below = await build(blobs, [[segment(blobs, "p", [file("opt/p", "x")])], [app]], 0);
  expect(below.record).toEqual(alone.record);
});

test("the destination of a copy keeps what a lower tier says of it, and has its own metadata where nothing is", async () => {
  const blobs = new MemoryBlobs();
  const base = segment(blobs, "base", [directory("tmp", 0o1777)]);
  const copied = segment(blobs, "copy", [
    directory("tmp", 0o755),
    file("tmp/a", "a"),
    directory("srv", 0o750),
    file("srv/b", "b"),
  ]);
  const implied = {
    ...copied,
    entries: copied.entries.map((it) => (it.type === "directory" ? { ...it, isImplied: true as const } : it)),
  };
  const { tree } = await build(blobs, [[base], [implied]], 1);
  expect(tree).toMatchObject({ tmp: "dir 1777", srv: "dir 750" });
});

describe("two packages with the same path", () => {
  test("equal: the file stands once, and nobody is told", async () => {
    const blobs = new MemoryBlobs();
    const { tree, arrangement } = await build(blobs, [
      [
        segment(blobs, "a", [file("google/__init__.py", "")]),
        segment(blobs, "b", [file("google/__init__.py", "")]),
      ],
    ]);
    expect(Object.keys(tree)).toEqual(["google", "google/__init__.py"]);
    expect(arrangement.conflicts).toEqual([]);
  });

  test("different: the later one wins in whatever layer it is, and the conflict is reported", async () => {
    const blobs = new MemoryBlobs();
    const both = [segment(blobs, "a", [file("x", "from a")]), segment(blobs, "b", [file("x", "from b")])];
    const { tree, arrangement } = await build(blobs, [both]);
    expect(tree).toEqual({ x: "from b" });
    expect(arrangement.conflicts).toEqual([{ path: "x", winner: "b", loser: "a" }]);
    const [tier] = arrangement.tiers;
    expect(composeLayer(tier?.segments.slice(0, 1) ?? [], { directories: new Map() }).entries).toEqual([]);
  });

  test("different only in mode is different", () => {
    const blobs = new MemoryBlobs();
    expect(
      arrange([[segment(blobs, "a", [file("x", "")]), segment(blobs, "b", [file("x", "", 0o755)])]])
        .conflicts,
    ).toHaveLength(1);
  });

  test("a file here and a directory there is refused by name", () => {
    const blobs = new MemoryBlobs();
    expect(() =>
      arrange([[segment(blobs, "a", [file("x", "")]), segment(blobs, "b", [file("x/y", "")])]]),
    ).toThrow(
      expect.objectContaining({ code: "LAYER_CONFLICT", message: "x: a directory in b, a file in a" }),
    );
  });
});

describe("paths below a symlink land where it leads", () => {
  test("relative, absolute, chained, and a directory entry of the link's own name", async () => {
    const blobs = new MemoryBlobs();
    const links = segment(blobs, "links", [
      link("lib", "usr/lib"),
      link("usr/lib64", "/lib"),
      link("var/run", "/run"),
      file("usr/lib/a", "a"),
    ]);
    const package_ = segment(blobs, "p", [
      directory("lib", 0o755),
      file("lib/b", "b"),
      file("usr/lib64/c", "c"),
      file("var/run/d", "d"),
    ]);
    const { tree } = await build(blobs, [[links, package_]]);
    expect(tree).toEqual({
      lib: "symlink usr/lib",
      run: "dir 755",
      "run/d": "d",
      usr: "dir 755",
      "usr/lib": "dir 755",
      "usr/lib/a": "a",
      "usr/lib/b": "b",
      "usr/lib/c": "c",
      "usr/lib64": "symlink /lib",
      var: "dir 755",
      "var/run": "symlink /run",
    });
  });

  test("a loop of links is an error, not a hang", () => {
    const blobs = new MemoryBlobs();
    const loop = segment(blobs, "l", [link("a", "b"), link("b", "a"), file("a/x", "")]);
    expect(() => arrange([[loop]])).toThrow(expect.objectContaining({ code: "LAYER_LINK_LOOP" }));
  });
});

test("hard links come after the files that they name", async () => {
  const blobs = new MemoryBlobs();
  const { order } = await build(blobs, [
    [
      segment(blobs, "a", [
        { type: "hardlink", path: "a", target: "z", mode: 0o644, ...owner },
        file("z", "1"),
      ]),
    ],
  ]);
  expect(order).toEqual(["z", "a"]);
});

test("a layer does not depend on the order in which files were handed over", async () => {
  const names = fc
    .uniqueArray(fc.stringMatching(/^[a-z]{1,3}(\/[a-z]{1,3}){0,2}$/), { maxLength: 12 })
    .map((all) => all.filter((it) => !all.some((other) => other.startsWith(`${it}/`))));
  await fc.assert(
    fc.asyncProperty(
      names.chain((all) =>
        fc.tuple(
          fc.constant(all),
          fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
        ),
      ),
      async ([sorted, shuffled]) => {
        const digestOfLayer = async (paths: string[]) => {
          const blobs = new MemoryBlobs();
          return (
            await build(blobs, [
              [
                segment(
                  blobs,
                  "a",
                  paths.map((path) => file(path, path)),
                ),
              ],
            ])
          ).record;
        };
        expect(await digestOfLayer(shuffled)).toEqual(await digestOfLayer(sorted));
      },
    ),
    { numRuns: 40 },
  );
});

test("a payload that lies about its size or CRC is refused by name", async () => {
  const blobs = new MemoryBlobs();
  const good = segment(blobs, "a", [file("x", "hello")]);
  const spoil = (change: object): Segment => ({
    ...good,
    entries: good.entries.map((it) => ({ ...it, ...change })) as Segment["entries"],
  });
  const payload = good.entries[0]?.type === "file" ? good.entries[0].payload : undefined;
  await expect(build(blobs, [[spoil({ size: 4 })]])).rejects.toMatchObject({
    code: "SIZE_INVALID",
    message: expect.stringContaining("x"),
  });
  await expect(build(blobs, [[spoil({ size: 9_000_000 })]])).rejects.toMatchObject({ code: "SIZE_INVALID" });
  await expect(build(blobs, [[spoil({ payload: { ...payload, crc32: 1 } })]])).rejects.toMatchObject({
    code: "CRC_INVALID",
  });
  await expect(
    build(blobs, [[spoil({ payload: { ...payload, offset: 1, length: 3 } })]]),
  ).rejects.toMatchObject({ code: "DEFLATE_INVALID" });
});

test("bytes after the end of a deflate stream are refused, since they would end up inside a gzip member", async () => {
  for (const size of [5, 9_000_000]) {
    const blobs = new MemoryBlobs();
    const good = segment(blobs, "a", [file("x", "a".repeat(size))]);
    const entry = good.entries[0];
    if (entry?.type !== "file" || entry.payload === undefined) throw new Error("no payload");
    const bytes = new Uint8Array(entry.payload.length + 7);
    blobs.read(entry.payload.blob, 0, bytes.subarray(0, entry.payload.length));
    const blob = blobs.put(bytes);
    const junk = {
      ...good,
      entries: [{ ...entry, payload: { ...entry.payload, blob, offset: 0, length: bytes.length } }],
    };
    await expect(build(blobs, [[junk]])).rejects.toMatchObject({
      code: "DEFLATE_INVALID",
      message: expect.stringContaining("x: the deflate stream ends"),
    });
  }
});

test("paths are ordered as their UTF-8 bytes are", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (a, b) => {
      expect(Math.sign(comparePaths(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }),
  );
});
