import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { MountSnapshot } from "../../src/cache/mount-snapshot.ts";
import type { CacheMount, RunStep, StepPlace } from "../../src/graph/stages.ts";
import { noteLayout } from "../../src/solve/lazy-layers.ts";
import { type FetchedSnapshot, MountSnapshots } from "../../src/solve/mounts/mount-snapshots.ts";
import { snapshotMounts } from "../../src/solve/mounts/snapshot-mounts.ts";
import { holdCacheMounts, mountUses, type Seed } from "../../src/solve/steps/cache-mounts.ts";
import { mountName } from "../../src/store/mounts.ts";
import { layerOf } from "../support/layers.ts";
import { needs } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type MountPlace, mountPlace, snapshotIn, USE } from "./mount-place.ts";

const mount: CacheMount = { type: "cache", id: "/c", target: "/c", sharing: "shared", isReadOnly: false };
const step = (text: string, mounts: readonly CacheMount[] = [mount]): RunStep & StepPlace => ({
  ...{ op: "run", line: 1, text, argv: [text], env: [], cwd: "/", user: "", network: "default" },
  ...{ security: "sandbox", mounts, scripts: [] },
});
const NAME = mountName(USE);

describe.runIf(needs("runc", "root"))("a step's cache mount begins with", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let place: MountPlace;
  let layout: string;
  let seed: Seed;
  beforeEach(async () => {
    folder = temporaryFolder();
    layout = folder.at("layout");
    using elsewhere = mountPlace(folder.at("elsewhere"));
    await elsewhere.write("echo there > from-snapshot; mkdir d; echo deep > d/e");
    await elsewhere.publish((await elsewhere.snapshot(NAME)).snapshot, layout);
    place = mountPlace(folder.at("store"));
    const tree = await place.engine.treeOf(layerOf({ path: "from-seed", file: "" }), []);
    seed = { trees: [tree], path: "" };
  });
  afterEach(() => {
    place[Symbol.dispose]();
    folder[Symbol.dispose]();
  });

  const found = async (): Promise<MountSnapshot> => {
    const snapshot = await snapshotIn(layout);
    for (const { descriptor } of snapshot.layers) noteLayout(place.store, descriptor.digest, layout);
    return snapshot;
  };
  /** What a step finds in its mount. */
  const run = async (
    options: {
      readonly find?: () => Promise<MountSnapshot | undefined>;
      readonly hasSeed?: boolean;
      readonly text?: string;
      readonly ms?: number;
      readonly mounts?: readonly CacheMount[];
    } = {},
  ) => {
    const { find, hasSeed = false, text = "RUN make", ms = 100, mounts = [mount] } = options;
    const one = step(text, mounts);
    const snapshots = find && new MountSnapshots({ find }, place.bench);
    const fetched = new Map<CacheMount, FetchedSnapshot>();
    for (const [i, use] of mountUses(one, "p").entries()) {
      const snapshot = await snapshots?.fetch(use);
      if (snapshot !== undefined) fetched.set(mounts[i]!, snapshot);
    }
    const seeds = new Map(hasSeed ? [[mounts[0]!, seed]] : []);
    const contents = { fetched, seeds, ...(snapshots && { snapshots }) };
    const held = await holdCacheMounts(one, contents, "p", place.engine, place.bench);
    const names = readdirSync(held.folders.get(mounts[0]!)!).sort();
    held.noteRun(ms);
    held.release();
    return names;
  };
  const told = (type: "warning" | "notice") =>
    place.events.flatMap((event) => (event.type === type ? [event.message] : []));

  test("its snapshot, before its seed; and the next snapshot of it is what changed since", async () => {
    expect(await run({ find: found, hasSeed: true })).toEqual(["d", "from-snapshot"]);
    expect(told("notice")).toEqual([expect.stringContaining("restored the cache mount /c")]);
    await place.write("echo new > new");
    const { packed, snapshot } = await place.snapshot(NAME);
    expect([packed?.kind, snapshot.layers.length]).toEqual(["changes", 2]);
  });

  test("what is there, of which nobody is asked", async () => {
    await place.write("echo mine > mine");
    expect(await run({ find: async () => expect.fail("asked"), hasSeed: true })).toEqual(["mine"]);
  });

  test("its snapshot also when it is there but empty", async () => {
    expect(await run()).toEqual([]);
    expect(await run({ find: found })).toEqual(["d", "from-snapshot"]);
  });

  test("its seed when nobody has a snapshot, or the snapshot cannot be used", async () => {
    expect(await run({ find: async () => undefined, hasSeed: true })).toEqual(["from-seed"]);
    await place.mounts.remove(NAME, (path) => place.engine.discardFolder(path));
    const snapshot = await found();
    const [layer] = snapshot.layers;
    const wrong = { ...layer!, diffId: layerOf().diffId };
    expect(await run({ find: async () => ({ ...snapshot, layers: [wrong] }), hasSeed: true })).toEqual([
      "from-seed",
    ]);
    expect(told("warning")).toEqual([expect.stringContaining("the cache mount /c is not restored: ")]);
  });

  test("nothing, once; and what it was without tells what it is worth", async () => {
    await run({ ms: 5000 });
    await place.write("echo made > made");
    await run({ ms: 500 });
    const { costs } = place.mounts.find(NAME)!;
    expect(Object.values(costs?.steps ?? {})).toEqual([{ coldMs: 5000, warmMs: 500 }]);
    place.mounts.noteCosts(NAME, (before) => ({ ...before, restore: { bytes: 1, ms: 60_000 } }));
    // They travel with it, what restoring it took comes to them, and that the restore before lost time is counted.
    await place.publish((await place.snapshot(NAME)).snapshot, layout);
    using there = mountPlace(folder.at("there"));
    const before = place;
    place = there;
    expect(await run({ find: found, text: "RUN other", ms: 7 })).toEqual(["made"]);
    place = before;
    const known = there.mounts.find(NAME)?.costs;
    expect(Object.values(known?.steps ?? {})).toEqual([{ coldMs: 5000, warmMs: 500 }, { warmMs: 7 }]);
    expect(known?.restore?.bytes).toBe((await snapshotIn(layout)).layers[0]!.descriptor.size);
    expect(known?.losses).toBe(1);
  });

  test("its snapshot in one folder of a private pool, and the others are on their own", async () => {
    const own: CacheMount = { ...mount, sharing: "private" };
    expect(await run({ find: found, mounts: [own] })).toEqual(["d", "from-snapshot"]);
    const [use] = mountUses(step("RUN x", [own]), "p");
    const held = await place.mounts.acquire(use!, async () => expect.fail("it is there"));
    expect(await run({ find: found, mounts: [own] })).toEqual([]);
    held.release();
  });

  describe("an export", () => {
    const exported = (selection: Parameters<typeof snapshotMounts>[1], ids = ["/c", "/d"]) =>
      snapshotMounts(
        ids.map((id) => ({ ...USE, id })),
        selection,
        place.engine,
        place.bench,
        { isReachable: () => true },
      );
    const states = async (...args: Parameters<typeof exported>) =>
      (await exported(...args)).map(({ use, state }) => `${use.id} ${state}`).sort();

    test("has all, none or those that are named, and says of the rest why not", async () => {
      await place.write("echo x > x");
      await place.write("true", { ...USE, id: "/d" });
      expect(await states("all", ["/c", "/d", "/gone", "/c"])).toEqual([
        ...["/c exported", "/d empty", "/gone absent"],
      ]);
      expect(await states(["/c"])).toEqual(["/c exported"]);
      expect(await states("none")).toEqual([]);
    });

    test("goes on without one that is in use, with a warning", async () => {
      await place.write("echo x > x");
      const held = await place.mounts.acquire(USE, async () => undefined);
      expect(await states("all", ["/c"])).toEqual(["/c failed"]);
      held.release();
      expect(told("warning")).toEqual([expect.stringContaining("is in use")]);
    });

    test("leaves out what costs more than it saves, and says so", async () => {
      const root = await place.write("echo x > x");
      const step = { coldMs: 300, warmMs: 200 };
      const costs = (ms: number) => ({
        restore: { bytes: 1, ms },
        losses: 2,
        steps: { "0123456789abcdef": step },
      });
      place.mounts.noteCosts(NAME, () => costs(60_000));
      expect(await states("all", ["/c"])).toEqual(["/c not-worth"]);
      expect(told("notice")).toEqual([expect.stringContaining("restoring it took longer than it saves")]);
      place.mounts.noteCosts(NAME, () => costs(900));
      expect(await states("all", ["/c"])).toEqual(["/c exported"]);
      expect(readFileSync(join(root, "x"), "utf8")).toBe("x\n");
    });
  });
});
