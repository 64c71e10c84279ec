import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readLayer } from "../../src/image/read-layer.ts";
import { bytesFromText } from "../../src/layer/raw-text.ts";
import { readTar, type TarEntry } from "../../src/layer/read-tar.ts";
import { type HeaderEntry, tarHeader } from "../../src/layer/tar-header.ts";
import { storedLayer } from "../../src/store/stored-layer.ts";
import { type EnginePlace, enginePlace, NOTHING_WANTED, type Stepped } from "../support/engine-place.ts";
import { hostLayer, programEntries } from "../support/host-layer.ts";
import { layerFromTar, layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";

const isReady = needs("root", "runc", "setpriv", "unshare", "mount");

/** Says everything of a tree that a step can see, in the same order everywhere. */
const look = `find() { for f in "$1"/* "$1"/.[!.]*; do [ -e "$f" ] || [ -L "$f" ] || continue
  stat -c '%n %F %a %u:%g %s %h %Y %t,%T' "$f"; [ -L "$f" ] && ls -l "$f" | grep -o -e '->.*'
  [ -f "$f" ] && [ ! -L "$f" ] && cat "$f" | wc -c; [ -d "$f" ] && [ ! -L "$f" ] && find "$f"; done; }
find /data; find /etc; find /new 2>/dev/null; true`;

describe.runIf(isReady)("the layer of a step", () => {
  test("deletes, replaces and hides as the step did", async () => {
    using place = enginePlace();
    const ran = await place.sh(
      `rm -r /data/deep && echo file > /data/deep
       rm /data/one && mkdir /data/one && echo in > /data/one/in
       mkdir -p /new/dir && echo x > /new/dir/x`,
    );
    expect(ran.lines).toEqual([
      "d data",
      "f data/deep",
      "d data/one",
      "f data/one/in",
      "d new",
      "d new/dir",
      "f new/dir/x",
    ]);
    const next = await place.sh("rm -r /new/dir && mkdir /new/dir && echo y > /new/dir/y; rm -r /data");
    expect(next.lines).toEqual(["d new", "d new/dir", "f new/dir/.wh..wh..opq", "f new/dir/y", "f .wh.data"]);
    await expectSameElsewhere(place);
  });

  test("has renamed directories in full", async () => {
    using place = enginePlace();
    const ran = await place.sh("mv /data /moved");
    expect(ran.lines).toEqual([
      "d moved",
      "d moved/deep",
      "f moved/deep/three",
      "f moved/one",
      "f moved/two",
      "f .wh.data",
    ]);
  });

  test("keeps hard links, among them one to a file from below", async () => {
    using place = enginePlace();
    const ran = await place.sh("ln /data/one /data/zero; echo a > /a; ln /a /b; ln /a /data/c");
    expect(ran.lines).toEqual([
      "f a",
      "h b -> a",
      "d data",
      "h data/c -> a",
      "f data/one",
      "h data/zero -> data/one",
    ]);
    await expectSameElsewhere(place);
  });

  test("has devices, fifos and links, and no sockets", async () => {
    using place = enginePlace();
    place.layers.push(layerOf(...programEntries("perl")));
    const ran = await place.sh(
      `mknod /c c 1 3; mknod /blk b 7 5; mkfifo -m 600 /f; ln -s nowhere /l
       perl -e 'socket(S, 1, 1, 0); bind(S, pack("Sa*", 1, "/sock")) or die $!'`,
    );
    expect(ran.stderr).toBe("");
    expect(ran.lines).toEqual(["b blk", "c c", "f f", "s l -> nowhere"]);
    const members = await membersOf(place, ran);
    expect(members.find(({ path }) => path === "blk")).toMatchObject({
      type: "block",
      device: { major: 7, minor: 5 },
    });
    expect(members.find(({ path }) => path === "f")).toMatchObject({ type: "fifo", mode: 0o600 });
    // The folder has the socket, the layer has not: the next step must not see it.
    expect((await place.sh("ls / | grep -c sock")).stdout).toBe("0\n");
  });

  test("keeps file capabilities and extended attributes, also of files that only moved", async () => {
    using place = enginePlace();
    const entry: HeaderEntry = {
      ...{ type: "file", path: "data/attributed", mode: 0o644, uid: 0, gid: 0, size: 0 },
      xattrs: { "user.note": "a\xff\n=b", "user.other": "x" },
    };
    const directory: HeaderEntry = { type: "directory", path: "data", mode: 0o755, uid: 0, gid: 0 };
    const tar = [tarHeader(directory, 0), tarHeader(entry, 0), Buffer.alloc(1024)];
    place.layers.push(layerFromTar(Buffer.concat(tar)), layerOf(...programEntries("setcap")));
    const ran = await place.sh(
      "chmod 600 /data/attributed; cp /bin/id /bin/cap-id; setcap cap_net_raw+ep /bin/cap-id",
    );
    expect(ran.stderr).toBe("");
    const members = await membersOf(place, ran);
    expect(members.find(({ path }) => path === "data/attributed")).toMatchObject({
      mode: 0o600,
      xattrs: entry.xattrs,
    });
    const capability = members.find(({ path }) => path === "bin/cap-id")?.xattrs;
    expect(Object.keys(capability ?? {})).toEqual(["security.capability"]);
    expect(Buffer.from(capability!["security.capability"]!, "latin1").readUInt32LE(4)).toBe(1 << 13);
    const attributes = members.flatMap(({ xattrs }) => Object.keys(xattrs ?? {}));
    expect(attributes.filter((name) => name.includes("overlay"))).toEqual([]);
  });

  test("keeps any name", async () => {
    using place = enginePlace();
    const long = "n".repeat(255);
    const ran = await place.sh(
      `cd /data; touch "$(printf 'line\\nbreak')" "$(printf 'no\\377utf')" 'ä😀' ' -rf' '\\' "'" '*' ${long}
       mkdir -p "$(printf 'd\\376')/${long}/${long}"; ln -s "$(printf 'to\\375')" link`,
    );
    expect(ran.stderr).toBe("");
    const members = await membersOf(place, ran);
    const names = members.map(({ path }) => bytesFromText(path).toString("latin1").slice("data/".length));
    const utf8 = Buffer.from("ä😀").toString("latin1");
    for (const name of [
      "line\nbreak",
      "no\xffutf",
      utf8,
      " -rf",
      "\\",
      "'",
      "*",
      long,
      `d\xfe/${long}/${long}`,
    ]) {
      expect(names).toContain(name);
    }
    expect(members.find(({ path }) => path === "data/link")?.target).toBe("to\udcfd");
    expect(ran.captured!.listing.entries.map(({ path }) => path)).toContain("data/no\udcffutf");
    await expectSameElsewhere(place);
  });

  test("writes holes as zeros", async () => {
    using place = enginePlace();
    const ran = await place.sh("truncate -s 20M /data/sparse; echo end >> /data/sparse");
    const [, sparse] = await membersOf(place, ran);
    expect(sparse).toMatchObject({ path: "data/sparse", size: (20 << 20) + 4 });
    expect(ran.captured!.record.descriptor.size).toBeLessThan(100_000);
  });

  test("is what its digest, its diff id and its listing say", async () => {
    using place = enginePlace();
    const ran = await place.sh(
      "cp -r /bin /copy; dd if=/dev/urandom of=/noise bs=1M count=5 2>/dev/null; rm /data/one",
    );
    const { record, listing } = ran.captured!;
    const bytes = readFileSync(place.store.blobs.path(record.descriptor.digest));
    expect(`sha256:${createHash("sha256").update(bytes).digest("hex")}`).toBe(record.descriptor.digest);
    expect(bytes.length).toBe(record.descriptor.size);
    const diffId = `sha256:${createHash("sha256").update(gunzipSync(bytes)).digest("hex")}`;
    expect(diffId).toBe(record.diffId);
    const read = await readLayer(storedLayer(place.store, record), NOTHING_WANTED);
    expect({ ...listing, contents: [] }).toEqual({ ...read, contents: [] });
    expect(place.store.listings.get(record.diffId, NOTHING_WANTED.id)).toEqual(listing);
    expect(listing.whiteouts).toEqual(["data/one"]);
  });

  test("has the same bytes when it is made again at one SOURCE_DATE_EPOCH, in parallel too", async () => {
    const script =
      "echo a > /data/a; mkdir /data/b; touch -d @1000.5 /data/old; rm /data/two; cp /bin/cat /data/cat";
    const digests = new Set<string>();
    for (const parallel of [1, 4]) {
      using place = enginePlace();
      const ran = await place.sh(script, {}, { latestSec: 1_700_000_000, parallel });
      digests.add(ran.captured!.record.descriptor.digest);
      const times = (await membersOf(place, ran)).map(({ path, mtimeText, mtimeSec }) => [
        path,
        mtimeText ?? mtimeSec,
      ]);
      expect(times).toEqual([
        ...["data", "data/a", "data/b", "data/cat"].map((path) => [path, 1_700_000_000]),
        ["data/old", "1000.5"],
        ["data/.wh.two", 1_700_000_000],
      ]);
    }
    expect(digests.size).toBe(1);
  });

  test("keeps times to the nanosecond without it", async () => {
    using place = enginePlace();
    const ran = await place.sh(
      "touch -d @1700000000.123456789 /data/t; touch -d @-5 /data/u; stat -c %y /data/t",
    );
    const times = (await membersOf(place, ran)).map(({ path, mtimeSec, mtimeText }) => [
      path,
      mtimeText ?? mtimeSec,
    ]);
    expect(times).toContainEqual(["data/t", "1700000000.123456789"]);
    expect(times).toContainEqual(["data/u", -5]);
    await expectSameElsewhere(place);
  });

  test("cannot hold a name that would delete", async () => {
    using place = enginePlace();
    await expect(place.sh("touch /data/.wh.one")).rejects.toMatchObject({ code: "LAYER_WHITEOUT" });
    expect(readdirSync(join(place.path, "runs-v1"))).toEqual([]);
    expect(readdirSync(join(place.path, "tmp"))).toEqual([]);
  });

  test("is made 110 layers high", async () => {
    const layers = Array.from({ length: 109 }, (_, n) =>
      layerOf({ path: "n", directory: true }, { path: `n/${n}`, file: `${n}\n` }),
    );
    using place = enginePlace({ layers: [hostLayer(), ...layers] });
    const ran = await place.sh("ls /n | wc -l; cat /n/0 /n/108; rm /n/50; echo new > /n/new");
    expect(ran.stdout).toBe("109\n0\n108\n");
    expect(ran.lines).toEqual(["d n", "f n/new", "f n/.wh.50"]);
    expect((await place.sh("ls /n | wc -l")).stdout).toBe("109\n");
  });
});

async function membersOf({ store }: EnginePlace, { captured }: Stepped): Promise<TarEntry[]> {
  const members: TarEntry[] = [];
  const bytes = gunzipSync(readFileSync(store.blobs.path(captured!.record.descriptor.digest)));
  for await (const entry of readTar(chunksOf(bytes), "test", { hasRawNames: true })) members.push(entry);
  return members;
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** What a step sees after the layers were unpacked in another store is what it sees where they were made. */
async function expectSameElsewhere(place: EnginePlace): Promise<void> {
  using other = enginePlace({ layers: place.layers });
  const [here, there] = [await place.sh(look), await other.sh(look)];
  expect(here.stderr + there.stderr).toBe("");
  expect(there.stdout).toBe(here.stdout);
  expect(there.stdout.length).toBeGreaterThan(100);
}
