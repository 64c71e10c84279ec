import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hexOf } from "../../src/layer/digest.ts";
import { mountName } from "../../src/store/mounts.ts";
import { cambium } from "../support/command.ts";
import { needs } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { EVERYTHING, exactTree, type MountPlace, mountPlace, snapshotIn, USE } from "./mount-place.ts";

const NAME = mountName(USE);

describe.runIf(needs("runc", "root"))("a cache mount that travels", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let here: MountPlace;
  let layout: string;
  beforeEach(() => {
    folder = temporaryFolder();
    here = mountPlace(folder.at("here"));
    layout = folder.at("layout");
  });
  afterEach(() => {
    here[Symbol.dispose]();
    folder[Symbol.dispose]();
  });

  /** On a machine that knows nothing. */
  const restored = async (name: string, use = USE) => {
    using there = mountPlace(folder.at(name));
    const root = await there.restore(layout, use);
    return { tree: exactTree(root), again: await there.snapshot(mountName(use)) };
  };
  const published = async () => {
    const result = await here.snapshot(NAME);
    await here.publish(result.snapshot, layout);
    return result;
  };

  test("is there what it was here: modes, owners, ns, hard links, xattrs, odd names", async () => {
    const root = await here.write(EVERYTHING);
    const { packed, leftOut, snapshot } = await published();
    expect([packed?.kind, leftOut, snapshot.layers.length]).toEqual(["whole", 1, 1]);
    const { tree, again } = await restored("there");
    expect(tree).toEqual(exactTree(root));
    // What was restored is known: a snapshot of it packs nothing.
    expect(again.packed).toBeUndefined();
    expect(again.snapshot.layers).toEqual(snapshot.layers);
  });

  test("is a valid image, and GNU tar unpacks its layer to the same", async () => {
    await here.write(EVERYTHING);
    const { snapshot } = await published();
    await here.write("rm -r 'with space'; ln hard another; echo x > d/x");
    await here.publish((await here.snapshot(NAME)).snapshot, folder.at("second"));
    for (const place of [layout, folder.at("second")]) {
      const ran = await cambium(["validate", place], { store: folder.at("here") });
      expect(ran.stdout, ran.stderr).toMatch(/^valid/);
    }
    const [layer] = snapshot.layers;
    const unpacked = folder.at("unpacked");
    mkdirSync(unpacked);
    const blob = join(layout, "blobs/sha256", hexOf(layer!.descriptor.digest));
    const keeps = ["--xattrs", "--xattrs-include=*", "--same-owner", "--preserve-permissions"];
    const input = zstdDecompressSync(readFileSync(blob));
    execFileSync("tar", ["-x", ...keeps, "--delay-directory-restore", "-C", unpacked], {
      ...{ input, stdio: ["pipe", "ignore", "ignore"] },
    });
    using there = mountPlace(folder.at("there"));
    // The root itself is in no layer.
    expect(exactTree(unpacked).slice(1)).toEqual(exactTree(await there.restore(layout)).slice(1));
  });

  test("goes on as deltas: what is new, what is other, what is gone", async () => {
    const root = await here.write(EVERYTHING);
    await published();
    await here.write(`rm hard pipe; rm -r 'with space'; chmod 600 random; ln d/f d/e/again; mv d/e/f moved
      rm gone-link; mkdir gone-link; echo file > gone-link/now; rm -r closed; echo dir > closed
      python3 -c 'import os; os.setxattr("sparse", "user.late", b"1")'; touch -d @1.5 .`);
    const { packed, snapshot } = await published();
    expect([packed?.kind, snapshot.layers.length]).toEqual(["changes", 2]);
    const { tree, again } = await restored("there");
    expect(tree).toEqual(exactTree(root));
    expect(again.packed).toBeUndefined();
  });

  test("adding a file of 1 MB costs no more than 1 MB and a bit, here and on the machine that restored it", async () => {
    await here.write(
      `for i in $(seq 400); do mkdir -p d$((i % 20)); head -c 20000 /dev/urandom > d$((i % 20))/$i; done`,
    );
    const whole = await published();
    expect(whole.packed!.layer.descriptor.size).toBeGreaterThan(8_000_000);
    using there = mountPlace(folder.at("there"));
    await there.restore(layout);
    for (const place of [here, there]) {
      const root = await place.write("head -c 1000000 /dev/urandom > d3/wheel");
      const { packed, snapshot } = await place.snapshot(NAME);
      expect(packed?.kind).toBe("changes");
      expect(packed!.layer.descriptor.size).toBeLessThan(1_010_000);
      await place.publish(snapshot, layout);
      rmSync(folder.at("third"), { recursive: true, force: true });
      expect((await restored("third")).tree).toEqual(exactTree(root));
    }
  });

  test("nothing changed: no layer; only the root's mode: no layer either, and it is kept", async () => {
    const root = await here.write("echo x > x");
    const { snapshot } = await published();
    expect((await published()).packed).toBeUndefined();
    await here.write("chmod 700 .");
    const again = await published();
    expect(again.packed).toBeUndefined();
    expect(again.snapshot.layers).toEqual(snapshot.layers);
    expect((await restored("there")).tree).toEqual(exactTree(root));
  });

  test("a file that is written with its size and time set back is packed", async () => {
    const root = await here.write("echo one > x; touch -d @1000 x");
    await published();
    await here.write("printf 'two\\n' > x; touch -d @1000 x");
    expect((await published()).packed?.kind).toBe("changes");
    expect((await restored("there")).tree).toEqual(exactTree(root));
  });

  test("files that were only touched are not packed again for that, until they are a day apart", async () => {
    const root = await here.write(
      "for i in $(seq 50); do head -c 100000 /dev/urandom > f$i; done; touch -d '2 days ago' f*",
    );
    await published();
    const whole = exactTree(root);
    await here.write("touch -d '2 days ago 1 hour' f*; echo new > new");
    const { packed, snapshot } = await published();
    expect([packed?.kind, snapshot.layers.length]).toEqual(["changes", 2]);
    expect(packed!.layer.descriptor.size).toBeLessThan(1000);
    const names = /^\["b'f/;
    expect((await restored("there")).tree.filter((line) => names.test(line))).toEqual(
      whole.filter((line) => names.test(line)),
    );
    // The same again: what was looked at is not looked at again, and it drifts no further than a day.
    expect((await published()).packed).toBeUndefined();
    await here.write("touch f*");
    expect((await published()).packed!.layer.descriptor.size).toBeGreaterThan(5_000_000);
    // One whose content changed with its time is packed.
    await here.write("touch f*; head -c 100000 /dev/urandom > f7");
    const last = await published();
    expect(last.packed!.layer.descriptor.size).toBeLessThan(110_000);
    rmSync(folder.at("there"), { recursive: true, force: true });
    const content = (lines: readonly string[]) =>
      lines.map((line) => (JSON.parse(line) as string[]).filter((_, i) => i !== 3));
    expect(content((await restored("there")).tree)).toEqual(content(exactTree(root)));
  });

  test("hard links stay together, and apart, whatever becomes of their names", async () => {
    const root = await here.write("echo 1 > a; ln a b; ln a c; echo 2 > x; ln x y; mkdir d");
    await published();
    for (const change of [
      "rm a; echo other > a",
      "ln b d/b",
      "mv y z; echo more >> z",
      "rm b c; ln d/b b",
      "rm -r d",
    ]) {
      await here.write(change);
      await published();
      rmSync(folder.at("there"), { recursive: true, force: true });
      expect((await restored("there")).tree, change).toEqual(exactTree(root));
    }
  });

  test("a long chain, and one that is mostly dead, are packed anew as one layer", async () => {
    const root = await here.write("head -c 200000 /dev/urandom > kept");
    const kinds: string[] = [];
    for (let i = 0; i < 18; i++) {
      await here.write(`echo ${i} > file-${i}`);
      const { packed, snapshot } = await published();
      kinds.push(`${packed?.kind} ${snapshot.layers.length}`);
    }
    expect(kinds.slice(0, 3)).toEqual(["whole 1", "changes 2", "changes 3"]);
    expect(kinds.slice(15)).toEqual(["changes 16", "whole 1", "changes 2"]);
    for (const kind of ["changes", "changes", "whole"]) {
      await here.write("head -c 3000000 /dev/urandom > big");
      expect((await published()).packed?.kind).toBe(kind);
    }
    const dead = await here.snapshot(NAME);
    expect(dead.snapshot.layers[0]!.descriptor.size).toBeLessThan(3_500_000);
    expect((await restored("there")).tree).toEqual(exactTree(root));
  });

  test("an empty mount has no layer, and neither has one that was emptied", async () => {
    const root = await here.write("chmod 711 .");
    expect((await published()).snapshot.layers).toEqual([]);
    expect((await restored("there")).tree).toEqual(exactTree(root));
    await here.write("echo x > x");
    await published();
    await here.write("rm x");
    expect((await published()).snapshot.layers).toEqual([]);
  });

  test("a mount that is in use is refused, and free again after a snapshot", async () => {
    await here.write("echo x > x");
    const held = await here.mounts.acquire(USE, async () => undefined);
    await expect(here.snapshot(NAME)).rejects.toMatchObject({ code: "MOUNT_IN_USE" });
    held.release();
    await here.snapshot(NAME);
    expect(here.mounts.isInUse(NAME)).toBe(false);
  });

  test("a lost or damaged note of its last snapshot, or a layer that nobody has: packed whole", async () => {
    await here.write("echo x > x");
    const { snapshot } = await published();
    const state = `${here.mounts.find(NAME)!.folder}/../state`;
    for (const damage of [
      () => rmSync(state),
      () => writeFileSync(state, "{}\nrubbish"),
      () => here.store.blobs.remove(snapshot.layers[0]!.descriptor.digest, Date.now() + 1000),
    ]) {
      damage();
      const again = await published();
      expect([again.packed?.kind, again.snapshot.layers.length]).toEqual(["whole", 1]);
    }
  });

  test("what is nearly all holes is refused here, since nobody would unpack it", async () => {
    await here.write("truncate -s 1100M hollow");
    await expect(here.snapshot(NAME)).rejects.toMatchObject({ code: "MOUNT_SPARSE" });
    expect(here.mounts.isInUse(NAME)).toBe(false);
    expect(readdirSync(join(here.store.root, "tmp"))).toEqual([]);
  });

  test("says whose it is, and not on which machine", async () => {
    await here.write("echo x > x", { ...USE, project: "folder /home/ada/app" });
    const use = { ...USE, project: "folder /home/ada/app" };
    const { snapshot } = await here.snapshot(mountName(use));
    await here.publish(snapshot, layout);
    const read = await snapshotIn(layout);
    expect(read).toMatchObject({ name: mountName(use), id: "/c", sharing: "shared", target: "/c" });
    expect(read).not.toHaveProperty("project");
  });
});
