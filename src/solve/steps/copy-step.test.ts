import { readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { copyBench } from "../../../tests/support/copy-bench.ts";
import { startFaultyServer } from "../../../tests/support/faulty-server.ts";
import { handMadeTar, layerFromTar } from "../../../tests/support/layers.ts";
import { treeOf, writeTree } from "../../../tests/support/tree.ts";
import { contextSource } from "../../context/context-source.ts";
import { walkContext } from "../../context/walk.ts";
import { BASE_FILES } from "../../ecosystems/read-base.ts";
import type { CopySourceOp, CopyStep } from "../../graph/stages.ts";
import type { ImageTree } from "../../image/image-tree.ts";
import { mergeListings } from "../../image/merge-listings.ts";
import { readLayer } from "../../image/read-layer.ts";
import { deflatePinned } from "../../layer/deflate.ts";
import { composedLayer, describeLayer } from "../../layer/describe.ts";
import { digestOf } from "../../layer/digest.ts";
import { CONSTANT_MTIME } from "../../layer/entry.ts";
import type { LayerRecord } from "../../layer/layer.ts";
import type { Segment } from "../../layer/segment.ts";
import { rememberComposition } from "../../store/stored-layer.ts";
import { layersSource } from "../sources/layers-source.ts";
import { accountsOf, type CopyInput, copyLayer, copyStep } from "./copy-step.ts";

type Bench = ReturnType<typeof copyBench>;

const NO_CACHE = { get: () => undefined, put: () => undefined };
const FILES: CopySourceOp = { kind: "files", from: { kind: "context" }, paths: ["."], isUnpacked: false };

function stepOf(
  source: CopySourceOp,
  options: Partial<CopyStep> = {},
): CopyStep & { line: number; text: string } {
  const defaults = { destination: "/x/", isLinked: false, keepsParents: false, exclude: [] };
  return { op: "copy", line: 3, text: "COPY . /x/", sources: [source], ...defaults, ...options };
}

async function inputOf(folder: string, below?: ImageTree): Promise<CopyInput> {
  const source = contextSource(await walkContext(folder, { ignoreFiles: [] }), NO_CACHE);
  return { sources: async () => source, below, accounts: accountsOf(below), mtimeSec: CONSTANT_MTIME };
}

/** A copy's layer, made and remembered as a build does. */
async function layerOf(segment: Segment, bench: Bench, below?: ImageTree): Promise<LayerRecord> {
  const { plan, segments } = copyLayer(stepOf(FILES), segment, below);
  const record = await describeLayer(plan, bench.store.blobs, "test");
  rememberComposition(bench.store, record, plan, segments);
  return record;
}

const PROJECT = {
  "a.txt": "a",
  "run.sh": { mode: 0o755, text: "#!/bin/sh\n" },
  "dir/b.txt": "b".repeat(3_000_000),
  "dir/empty": "",
  link: { link: "dir/b.txt" },
};

describe("the segment", () => {
  test("layout 1: these ids and bytes do not move", async () => {
    using folder = treeOf(PROJECT);
    await using bench = copyBench();
    const plain = await copyStep(stepOf(FILES), await inputOf(folder.path), bench);
    const changed = await copyStep(
      stepOf(FILES, { owner: "5:6", chmod: "u=rwX,go=" }),
      await inputOf(folder.path),
      bench,
    );
    const { descriptor, diffId } = await layerOf(plain, bench);
    expect({
      plain: plain.id,
      changed: changed.id,
      digest: descriptor.digest,
      diffId,
    }).toMatchInlineSnapshot(`
      {
        "changed": "588e278393b7d653c29437167f319c239461c4180570338b2f8d01017c41c2d5",
        "diffId": "sha256:52ecbe7e9eb2b84d4dd5488379afe375b2d05128c225a9023651cadbf637b04c",
        "digest": "sha256:d272a02b0f601934aeb4bbc8907ee5fe280c9b8c12fdf4263a41c1336778751e",
        "plain": "8f682891593751faaa459fa5fe2f2c65cd7e4cb625510a7c5657cc850c1d71d7",
      }
    `);
  });

  test("says what was found and not how it was named or where it was", async () => {
    using first = treeOf(PROJECT);
    using second = treeOf({ "below/": "" });
    using third = treeOf(
      Object.fromEntries(Object.entries(PROJECT).map(([path, node]) => [`deep/${path}`, node])),
    );
    await using bench = copyBench();
    const one = await copyStep(stepOf(FILES), await inputOf(first.path), bench);
    const other = await copyStep(
      { ...stepOf({ ...FILES, paths: ["/deep/./"] }), text: "COPY deep /x/", line: 9 },
      await inputOf(third.path),
      bench,
    );
    const empty = await copyStep(stepOf(FILES), await inputOf(second.path), bench);
    expect(other.id).toBe(one.id);
    expect(empty.id).not.toBe(one.id);
  });

  test("has no entry when a wildcard matched nothing, and still is a layer", async () => {
    using folder = treeOf(PROJECT);
    await using bench = copyBench();
    const segment = await copyStep(
      stepOf({ ...FILES, paths: ["*.none"] }),
      await inputOf(folder.path),
      bench,
    );
    expect(segment.entries).toEqual([]);
    const layer = await layerOf(segment, bench);
    expect(layer.diffId).toBe(digestOf(new Uint8Array(1024)));
  });

  test("of a changed project has one more pack, of what changed, and the bytes of a fresh machine", async () => {
    using folder = treeOf(PROJECT);
    await using bench = copyBench();
    await using fresh = copyBench();
    const slot = folder.path;
    const first = await copyStep(stepOf(FILES), { ...(await inputOf(folder.path)), slot }, bench);
    writeTree(folder.path, { "a.txt": "changed" });
    const second = await copyStep(stepOf(FILES), { ...(await inputOf(folder.path)), slot }, bench);
    const elsewhere = await copyStep(stepOf(FILES), await inputOf(folder.path), fresh);
    expect(
      second.blobs.filter((blob) => !first.blobs.includes(blob)).map((blob) => bench.store.blobs.size(blob)),
    ).toEqual([deflatePinned(Buffer.from("changed")).length]);
    expect(second.id).toBe(elsewhere.id);
    const records = [await layerOf(second, bench), await layerOf(elsewhere, fresh)];
    expect(records[0]).toEqual(records[1]);
  });

  test("a pack that failed leaves nothing behind", async () => {
    using folder = treeOf(PROJECT);
    await using bench = copyBench();
    const input = await inputOf(folder.path);
    const source = await input.sources({ kind: "context" });
    const lying = { ...source, digest: async () => digestOf("something else") };
    const lied = copyStep(stepOf(FILES), { ...input, sources: async () => lying }, bench);
    await expect(lied).rejects.toMatchObject({ code: "CONTEXT_CHANGED" });
    expect(readdirSync(`${bench.store.root}/tmp`)).toEqual([]);
  });
});

describe("another stage", () => {
  test("of layers made here is copied without a byte being read", async () => {
    using folder = treeOf(PROJECT);
    await using bench = copyBench();
    const below = await copyStep(stepOf(FILES), await inputOf(folder.path), bench);
    const record = await layerOf(below, bench);
    const source = await layersSource([record], "stage build", bench);
    const read = () => {
      throw new Error("read");
    };
    const sources = async () => ({ ...source, read });
    const input = { sources, below: undefined, accounts: {}, mtimeSec: CONSTANT_MTIME };
    const segment = await copyStep(
      stepOf({ ...FILES, paths: ["/x/dir"] }, { destination: "/y" }),
      input,
      bench,
    );
    expect(segment.blobs).toEqual(below.blobs);
    expect(segment.entries.map(({ path }) => path)).toEqual(["y", "y/b.txt", "y/empty"]);
  });

  test("gives the same layer whether its segments or only its bytes are here", async () => {
    using folder = treeOf(PROJECT);
    await using first = copyBench();
    await using second = copyBench();
    const record = await layerOf(await copyStep(stepOf(FILES), await inputOf(folder.path), first), first);
    const plan = copyLayer(
      stepOf(FILES),
      await copyStep(stepOf(FILES), await inputOf(folder.path), first),
      undefined,
    );
    const chunks: Uint8Array[] = [];
    const layer = composedLayer(plan.plan, record, first.store.blobs);
    for await (const chunk of layer.compressed()) chunks.push(Buffer.from(chunk));
    second.store.blobs.put(Buffer.concat(chunks));
    const made = [];
    for (const bench of [first, second]) {
      const source = await layersSource([record], "stage build", bench);
      const input = { sources: async () => source, below: undefined, accounts: {}, mtimeSec: CONSTANT_MTIME };
      const segment = await copyStep(
        stepOf({ ...FILES, paths: ["/x"] }, { destination: "/z/" }),
        input,
        bench,
      );
      made.push((await layerOf(segment, bench)).descriptor.digest);
    }
    expect(made[1]).toBe(made[0]);
  });

  test("reads no layer that has nothing of what is wanted", async () => {
    await using bench = copyBench();
    const layers = [
      layerFromTar(handMadeTar([{ path: "a", file: "a" }])),
      layerFromTar(handMadeTar([{ path: "b", file: "b" }])),
    ];
    for (const layer of layers) bench.store.listings.put(await readLayer(layer, BASE_FILES));
    const chunks: Uint8Array[] = [];
    for await (const chunk of layers[1]!.compressed()) chunks.push(chunk);
    // The bytes of the first are nowhere: reading it would fail.
    bench.store.blobs.put(Buffer.concat(chunks));
    const source = await layersSource(layers, "stage build", bench);
    const input = { sources: async () => source, below: undefined, accounts: {}, mtimeSec: CONSTANT_MTIME };
    const segment = await copyStep(stepOf({ ...FILES, paths: ["/b"] }), input, bench);
    expect(segment.entries.map(({ path }) => path)).toEqual(["x", "x/b"]);
  });
});

describe("owners", () => {
  const passwd = "root:x:0:0:::\nalice:x:1000:1001:::\n";
  const tar = handMadeTar([
    { path: "etc/passwd", file: passwd },
    { path: "etc/group", file: "staff:x:50:\n" },
  ]);

  test.for([
    ["alice", "1000:1001"],
    ["alice:staff", "1000:50"],
    ["7", "7:7"],
    ["7:staff", "7:50"],
    ["root:8", "0:8"],
    [":9", "0:9"],
  ] as const)("%s is %s", async ([owner, want]) => {
    using folder = treeOf({ f: "f" });
    await using bench = copyBench();
    const below = mergeListings([await readLayer(layerFromTar(tar), BASE_FILES)], "test");
    const segment = await copyStep(stepOf(FILES, { owner }), await inputOf(folder.path, below), bench);
    expect(segment.entries.map(({ uid, gid }) => `${uid}:${gid}`)).toEqual([want, want]);
  });

  test("a name that is nowhere is an error that says where it was looked for", async () => {
    using folder = treeOf({ f: "f" });
    await using bench = copyBench();
    const copy = copyStep(stepOf(FILES, { owner: "bob:staff" }), await inputOf(folder.path), bench);
    await expect(copy).rejects.toMatchObject({
      code: "OWNER_UNKNOWN",
      message: 'line 3: the stage has no user "bob" in its /etc/passwd',
    });
  });
});

describe("a URL", () => {
  const httpOp = (url: string, checksum?: string): CopySourceOp => ({
    ...{ kind: "http", url, isUnpacked: false },
    ...(checksum !== undefined && { checksum }),
  });
  const input: CopyInput = {
    sources: () => Promise.reject(new Error("no files")),
    ...{ below: undefined, accounts: {}, mtimeSec: CONSTANT_MTIME },
  };

  test("with a checksum is fetched once, and served when its origin is gone", async () => {
    await using bench = copyBench();
    const server = await startFaultyServer();
    const step = stepOf(httpOp(server.serve("/f.txt", "text"), digestOf("text")));
    const first = await copyStep(step, input, bench);
    await copyStep(step, input, bench);
    expect(server.requests("/f.txt")).toHaveLength(1);
    await server[Symbol.asyncDispose]();
    expect((await copyStep(step, input, bench)).id).toBe(first.id);
    expect(first.entries).toMatchObject([{ path: "x" }, { path: "x/f.txt", mode: 0o600, size: 4 }]);
  });

  test("without one is asked for again by its tag, and fails when nobody answers", async () => {
    await using bench = copyBench();
    const server = await startFaultyServer();
    const headers = { etag: '"one"' };
    const step = stepOf(
      httpOp(
        server.serve(
          "/f.txt",
          "text",
          { headers },
          { status: 304, headers },
          { headers: { etag: '"two"' }, body: "new" },
        ),
      ),
    );
    const first = await copyStep(step, input, bench);
    const second = await copyStep(step, input, bench);
    const third = await copyStep(step, input, bench);
    expect(server.requests("/f.txt").map((request) => request.headers["if-none-match"])).toEqual([
      undefined,
      '"one"',
      '"one"',
    ]);
    expect(second.id).toBe(first.id);
    expect(third.id).not.toBe(first.id);
    await server[Symbol.asyncDispose]();
    await expect(copyStep(step, input, bench)).rejects.toMatchObject({ code: "FETCH_UNREACHABLE" });
  });

  test("cut short is no file", async () => {
    await using bench = copyBench();
    await using server = await startFaultyServer();
    const step = stepOf(httpOp(server.serve("/f.txt", "0123456789", { cutAfter: 5 })));
    await expect(copyStep(step, input, bench)).rejects.toMatchObject({ code: "FETCH_INTERRUPTED" });
    expect(readdirSync(`${bench.store.root}/tmp`)).toEqual([]);
  });
});

describe("an archive", () => {
  const unpack: CopySourceOp = { ...FILES, paths: ["archive"], isUnpacked: true };

  test.for([
    ["a path that leaves it", [{ path: "../x", file: "x" }], "ARCHIVE_TRAVERSAL"],
    ["a whiteout", [{ path: ".wh.etc", file: "" }], "COPY_WHITEOUT"],
    [
      "a directory where a file was",
      [
        { path: "a", file: "" },
        { path: "a", directory: true },
      ],
      "LAYER_DUPLICATE",
    ],
    ["a hard link to nothing", [{ path: "a", hardlink: "b" }], "ARCHIVE_LINK"],
  ] as const)("with %s is refused", async ([, members, code]) => {
    using folder = treeOf({ archive: handMadeTar(members) });
    await using bench = copyBench();
    await expect(copyStep(stepOf(unpack), await inputOf(folder.path), bench)).rejects.toMatchObject({ code });
    expect(readdirSync(`${bench.store.root}/tmp`)).toEqual([]);
  });

  test("that ends early is refused, not copied in part", async () => {
    const tar = handMadeTar([{ path: "a", file: "a".repeat(100_000) }]);
    using folder = treeOf({ archive: gzipSync(tar).subarray(0, -20) });
    await using bench = copyBench();
    const copy = copyStep(stepOf(unpack), await inputOf(folder.path), bench);
    await expect(copy).rejects.toMatchObject({ name: "CambiumError" });
  });

  test("is read once for all steps that unpack it", async () => {
    using folder = treeOf({ archive: handMadeTar([{ path: "a", file: "a" }]) });
    await using bench = copyBench();
    const first = await copyStep(stepOf(unpack), await inputOf(folder.path), bench);
    const input = await inputOf(folder.path);
    const source = await input.sources({ kind: "context" });
    const read = () => {
      throw new Error("read");
    };
    const again = await copyStep(
      stepOf(unpack),
      { ...input, sources: async () => ({ ...source, read }) },
      bench,
    );
    expect(again.id).toBe(first.id);
  });
});
