import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Layer } from "../../src/layer/layer.ts";
import { type HeaderEntry, tarHeader } from "../../src/layer/tar-header.ts";
import { type EnginePlace, enginePlace } from "../support/engine-place.ts";
import { hostLayer } from "../support/host-layer.ts";
import { type HandMade, layerFromTar, layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const isReady = needs("root", "runc", "setpriv", "unshare", "mount");
const d = (path: string, mode = 0o755, owner = 0): HandMade => ({ path, directory: true, mode, owner });
const f = (path: string, file = path): HandMade => ({ path, file });

describe.runIf(isReady)("the tree of a layer", () => {
  test("is unpacked once, also when several ask at a time", async () => {
    using place = enginePlace();
    let reads = 0;
    const layer = counted(layerOf(d("a"), f("a/b")), () => reads++);
    const names = await Promise.all([1, 2, 3].map(() => place.engine.treeOf(layer, [])));
    using again = enginePlace({ root: place.path });
    names.push(await again.engine.treeOf(layer, []));
    expect(new Set(names).size).toBe(1);
    expect(reads).toBe(1);
    expect(treesIn(place)).toEqual([names[0]]);
    expect(readdirSync(join(place.path, "runs-v1"))).toEqual([]);
  });

  test("is unpacked anew after a restart of the machine, which may have torn it", async () => {
    using place = enginePlace();
    const layer = layerOf(f("a", "whole"));
    const name = await place.engine.treeOf(layer, []);
    const path = join(place.path, "trees-v1", name, "a");
    writeFileSync(path, "");
    const facts = join(place.path, "trees-v1", `${name}.json`);
    writeFileSync(facts, readFileSync(facts, "utf8").replace(/"bootId":"[^"]*"/, '"bootId":"another"'));
    expect(await place.engine.treeOf(layer, [])).toBe(name);
    expect(readFileSync(path, "utf8")).toBe("whole");
    writeFileSync(facts, "torn");
    expect(await place.engine.treeOf(layer, [])).toBe(name);
    expect(readdirSync(join(place.path, "runs-v1"))).toEqual([]);
  });

  test("of a step takes the place of what another boot left of it", async () => {
    using place = enginePlace();
    const make = () => place.sh("mkdir -p /made; echo whole > /made/x; touch -d @5 /made /made/x");
    await make();
    place.layers.pop();
    const [name] = treesIn(place).filter((it) => existsSync(join(place.path, "trees-v1", it, "made")));
    writeFileSync(join(place.path, "trees-v1", name!, "made", "x"), "");
    const facts = join(place.path, "trees-v1", `${name}.json`);
    writeFileSync(facts, readFileSync(facts, "utf8").replace(/"bootId":"[^"]*"/, '"bootId":"another"'));
    await make();
    expect(treesIn(place)).toContain(name);
    expect((await place.sh("cat /made/x")).stdout).toBe("whole\n");
  });

  test("gives directories that the layer does not state what they have below", async () => {
    using place = enginePlace();
    const below = await place.engine.treeOf(layerOf(d("tmp", 0o1777), d("home", 0o750, 7), d("plain")), []);
    const layer = layerOf(f("tmp/a"), f("home/b"), f("plain/c"), f("new/d"));
    const above = await place.engine.treeOf(layer, [below]);
    const modes = (tree: string) => {
      const at = (name: string) => statSync(join(place.path, "trees-v1", tree, name));
      return ["tmp", "home", "plain", "new"].map(
        (name) => `${(at(name).mode & 0o7777).toString(8)} ${at(name).uid}`,
      );
    };
    expect(modes(above)).toEqual(["1777 0", "750 7", "755 0", "755 0"]);
    const alone = await place.engine.treeOf(layer, []);
    expect(modes(alone)).toEqual(["755 0", "755 0", "755 0", "755 0"]);
    expect(await place.engine.treeOf(layer, [below])).toBe(above);
    const linked = await place.engine.treeOf(layerOf({ path: "home", link: "/srv" }), []);
    await expect(place.engine.treeOf(layer, [below, linked])).rejects.toMatchObject({ code: "LAYER_PARENT" });
  });

  test("deletes through whiteouts and opaque directories, before and after what it states", async () => {
    const lower = layerOf(
      ...[
        d("dir"),
        f("dir/old"),
        d("kept"),
        f("kept/old"),
        f("file"),
        d("both"),
        f("both/old"),
        d("x"),
        f("x/old"),
      ],
    );
    const upper = layerOf(
      ...[d("dir"), f("dir/.wh..wh..opq", ""), f("dir/new"), f(".wh.file", ""), f("kept/.wh.old", "")],
      ...[f(".wh.both", ""), d("both"), f("both/new"), f("x/.wh..wh..opq", ""), f("x/new")],
    );
    using place = enginePlace({ layers: [hostLayer(), lower, upper] });
    const ran = await place.sh("for n in dir kept both x; do echo $n: $(ls /$n); done; ls /file || true");
    expect(ran.stdout).toBe("dir: new\nkept:\nboth: new\nx: new\n");
    expect(ran.captured).toBeUndefined();
  });

  test("keeps owners, modes, times, links and capabilities", async () => {
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex").toString("latin1");
    const base = { uid: 5, gid: 6, mode: 0o4751 };
    const entries: [HeaderEntry, string | undefined][] = [
      [{ type: "directory", path: "d", ...base, mode: 0o2710 }, "1700000000.000000001"],
      [{ type: "file", path: "d/f", ...base, size: 0, xattrs: { "security.capability": capability } }, "1.5"],
      [{ type: "hardlink", path: "d/h", ...base, target: "d/f" }, undefined],
      [{ type: "symlink", path: "d/s", ...base, target: "/etc/../nowhere" }, undefined],
      [{ type: "fifo", path: "d/p", ...base }, undefined],
      [{ type: "block", path: "d/b", ...base, device: { major: 7, minor: 9 } }, undefined],
    ];
    const tar = entries.map(([entry, time]) => tarHeader(entry, 1, time));
    using place = enginePlace();
    const name = await place.engine.treeOf(layerFromTar(Buffer.concat([...tar, Buffer.alloc(1024)])), []);
    const at = (path: string) => lstatSync(join(place.path, "trees-v1", name, path), { bigint: true });
    expect(at("d")).toMatchObject({ uid: 5n, gid: 6n, mtimeNs: 1700000000000000001n });
    expect(at("d").mode & 0o7777n).toBe(0o2710n);
    expect(at("d/f")).toMatchObject({ nlink: 2n, mtimeNs: 1500000000n });
    expect(at("d/f").mode & 0o7777n).toBe(0o4751n);
    expect(at("d/h").ino).toBe(at("d/f").ino);
    expect(at("d/s").isSymbolicLink() && at("d/p").isFIFO() && at("d/b").isBlockDevice()).toBe(true);
    expect(at("d/b").rdev).toBe(BigInt(7 * 256 + 9));
    place.layers.push(layerFromTar(Buffer.concat([...tar, Buffer.alloc(1024)])));
    const ran = await place.sh("chmod 700 /d/f");
    const kept = ran.captured?.listing.entries.find(({ path }) => path === "d/f")?.xattrs?.[
      "security.capability"
    ];
    expect(Buffer.from(kept ?? "", "latin1").toString("hex")).toBe(
      "0100000200200000000000000000000000000000",
    );
  });

  test("is behind a door that only its owner opens, for it may hold setuid programs", async () => {
    using place = enginePlace();
    await place.sh("cp /bin/id /bin/root-id; chmod 4755 /bin/root-id");
    for (const name of ["trees-v1", "runs-v1"]) {
      expect((statSync(join(place.path, name)).mode & 0o777).toString(8), name).toBe("700");
    }
    // The step's accounts see their image all the same.
    expect((await place.sh("/bin/root-id -u; cat /data/one", { user: "bob" })).stdout).toBe("0\none\n");
  });

  test("is given up when the build is, without a trace", async () => {
    using place = enginePlace();
    const control = new AbortController();
    const layer = counted(layerOf(f("a"), f("b")), () => control.abort(new Error("enough")));
    await expect(place.engine.treeOf(layer, [], control.signal)).rejects.toThrow("enough");
    expect(treesIn(place)).toEqual([]);
    expect(readdirSync(join(place.path, "runs-v1"))).toEqual([]);
  });

  test("is removed by a prune once nobody wants it", async () => {
    using place = enginePlace();
    const name = await place.engine.treeOf(layerOf(f("a")), []);
    expect([...place.engine.trees()].map(({ sizeBytes }) => sizeBytes)).toEqual([expect.any(Number)]);
    const usedAt = (shiftMs: number) =>
      new Map([...place.engine.trees()].map(({ diffId, usedMs }) => [diffId, usedMs + shiftMs]));
    expect((await place.engine.removeTrees(usedAt(0))).size).toBe(0);
    place.engine.close();
    using other = enginePlace({ root: place.path });
    expect((await other.engine.removeTrees(usedAt(-1))).size).toBe(0);
    expect((await other.engine.removeTrees(new Map())).size).toBe(0);
    expect(treesIn(place)).toEqual([name]);
    expect((await other.engine.removeTrees(usedAt(0))).size).toBe(1);
    expect(treesIn(place)).toEqual([]);
    expect([...other.engine.trees()]).toEqual([]);
  });
});

/** What a hostile layer tries, and how it is refused. `OUT` is a folder of the host that must stay empty. */
const hostile: readonly [string, (out: string) => Layer, string][] = [
  ["a path that climbs", () => layerOf(f("../x")), "ARCHIVE_TRAVERSAL"],
  ["an absolute path", (out) => layerOf(f(`${out}/x`)), "ARCHIVE_TRAVERSAL"],
  [
    "a link in a circle",
    () => layerOf({ path: "a", link: "b" }, { path: "b", link: "a" }, f("a/x")),
    "LAYER_PARENT",
  ],
  ["a hard link out", () => layerOf({ path: "h", hardlink: "../../etc/passwd" }), "ARCHIVE_TRAVERSAL"],
  [
    "a directory that becomes a link",
    (out) => layerOf(d("a"), { path: "a", link: out }, f("a/x")),
    "LAYER_DUPLICATE",
  ],
  ["a parent that becomes a link", (out) => layerOf(f("a/x"), { path: "a", link: out }), "LAYER_PARENT"],
  ["a file below a file", () => layerOf(f("a"), f("a/x")), "LAYER_PARENT"],
  ["a hard link to nothing here", () => layerOf({ path: "h", hardlink: "etc/passwd" }), "TREE_UNPACK"],
  [
    "a device that deletes",
    () => special({ type: "character", path: "c", device: { major: 0, minor: 0 } }),
    "LAYER_OVERLAY",
  ],
  [
    "a note to overlayfs",
    () => special({ type: "fifo", path: "p", xattrs: { "trusted.overlay.redirect": "/etc" } }),
    "LAYER_OVERLAY",
  ],
  ["a whiteout of all", () => layerOf(f(".wh..wh..opq", "")), "LAYER_WHITEOUT"],
  [
    "a tar that ends early",
    () =>
      layerFromTar(
        Buffer.alloc(512, 0).fill(
          tarHeader({ type: "file", path: "a", mode: 0, uid: 0, gid: 0, size: 9999 }, 0),
        ),
      ),
    "ARCHIVE_TRUNCATED",
  ],
];

describe.runIf(isReady)("a hostile layer", () => {
  test.for(hostile)("with %s is refused, and nothing of it stays", async ([, make, code]) => {
    using place = enginePlace();
    using outside = temporaryFolder();
    mkdirSync(outside.at("out"));
    await expect(place.engine.treeOf(make(outside.at("out")), [])).rejects.toMatchObject({ code });
    expect(treesIn(place)).toEqual([]);
    expect(readdirSync(join(place.path, "runs-v1"))).toEqual([]);
    expect(readdirSync(outside.at("out"))).toEqual([]);
    expect(existsSync(join(place.path, "trees-v1", "x"))).toBe(false);
  });

  test("that lies about its diff id is refused", async () => {
    using place = enginePlace();
    const layer = { ...layerOf(f("a")), diffId: layerOf(f("b")).diffId };
    await expect(place.engine.treeOf(layer, [])).rejects.toMatchObject({ code: "DIFF_ID_INVALID" });
    expect(treesIn(place)).toEqual([]);
  });

  test("with a link out of it and a file below that keeps the file inside", async () => {
    using place = enginePlace();
    using outside = temporaryFolder();
    const name = await place.engine.treeOf(layerOf({ path: "a", link: outside.path }, f("a/x")), []);
    expect(readdirSync(outside.path)).toEqual([]);
    expect(existsSync(join(place.path, "trees-v1", name, outside.path, "x"))).toBe(true);
  });
});

function special(entry: Partial<HeaderEntry>): Layer {
  const header = tarHeader({ mode: 0o644, uid: 0, gid: 0, ...entry } as HeaderEntry, 0);
  return layerFromTar(Buffer.concat([header, Buffer.alloc(1024)]));
}

function counted(layer: Layer, onRead: () => void): Layer {
  return {
    ...layer,
    compressed() {
      onRead();
      return layer.compressed();
    },
  };
}

function treesIn(place: EnginePlace): string[] {
  return readdirSync(join(place.path, "trees-v1")).filter((name) =>
    /^[0-9a-f]{24}(-[0-9a-f]{8})?$/.test(name),
  );
}
