import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Mounts, type MountUse, mountName } from "./mounts.ts";
import { openStore, type Store } from "./store.ts";

let root: string;
let store: Store;
let mounts: Mounts;
let nowMs: number;
const children: ChildProcess[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cambium-mounts-"));
  store = openStore(root);
  nowMs = 1000;
  mounts = new Mounts(store, () => nowMs);
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  store.close();
  rmSync(root, { recursive: true, force: true });
});

const owner = { mode: 0o755, uid: 0, gid: 0 };
const use: MountUse = {
  ...{ id: "/cache", project: "git host.example/app", owner, target: "/cache" },
  ...{ sharing: "shared", hasSeed: false },
};

const make = async (folder: string) => {
  mkdirSync(folder, { recursive: true });
};
const makeWith = (name: string) => async (folder: string) => {
  await make(folder);
  writeFileSync(join(folder, name), "");
};

/** Another process that runs `body` with `acquire(sharing)` and `say`. */
function inChild(body: string): ChildProcess {
  const from = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const script = `
    import { appendFileSync, mkdirSync } from "node:fs";
    import { setTimeout as sleep } from "node:timers/promises";
    import { openStore } from ${from("./store.ts")};
    import { Mounts } from ${from("./mounts.ts")};
    const mounts = new Mounts(openStore(${JSON.stringify(root)}));
    const say = (text) => process.stdout.write(text + "\\n");
    const acquire = (sharing) => mounts.acquire(
      { ...${JSON.stringify(use)}, sharing },
      async (folder) => void mkdirSync(folder, { recursive: true }),
    );
    ${body}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  return child;
}

async function said(child: ChildProcess): Promise<string> {
  const [chunk] = await once(child.stdout!, "data");
  return String(chunk).trim();
}

const HOLD = (sharing: string) =>
  inChild(`const held = await acquire("${sharing}"); say(held.name); await sleep(60_000);`);

describe("a mount's name", () => {
  test("is of id, project and owner of its root, and of nothing else", () => {
    const name = mountName(use);
    // Travels between machines, so it changes on purpose only.
    expect(name).toBe("dd19793f5df2e5850916e7f8");
    expect(mountName({ ...use, target: "/elsewhere", sharing: "locked" } as MountUse)).toBe(name);
    const { project: _, ...everybodys } = use;
    const others = [
      { ...use, id: "/other" },
      { ...use, project: "git host.example/fork" },
      everybodys,
      { ...use, owner: { ...owner, uid: 1000 } },
      { ...use, owner: { ...owner, mode: 0o777 } },
    ];
    expect(new Set([name, ...others.map(mountName)]).size).toBe(6);
  });
});

describe("shared", () => {
  test("several have the same folder, here and in other processes", async () => {
    const other = HOLD("shared");
    const name = await said(other);
    const held = await Promise.all([1, 2].map(() => mounts.acquire(use, make)));
    expect(held.map((one) => one.name)).toEqual([name, name]);
    expect(held[0]!.folder).toBe(held[1]!.folder);
    expect(mounts.isInUse(name)).toBe(true);
    for (const one of held) one.release();
    expect(mounts.isInUse(name)).toBe(true);
    other.kill("SIGKILL");
    await once(other, "exit");
    expect(mounts.isInUse(name)).toBe(false);
  });

  test("is made once, alone, however many come at once", async () => {
    let making = 0;
    let times = 0;
    const slowly = async (folder: string) => {
      times++;
      making++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(making).toBe(1);
      making--;
      await makeWith("seed")(folder);
    };
    const held = await Promise.all([1, 2, 3].map(() => mounts.acquire({ ...use, hasSeed: true }, slowly)));
    expect(times).toBe(1);
    for (const one of held) {
      expect(readdirSync(one.folder)).toEqual(["seed"]);
      one.release();
    }
  });
});

describe("locked", () => {
  test("one process after the other, none between begin and end of another", async () => {
    const file = join(root, "marks");
    const body = `
      for (let i = 0; i < 10; i++) {
        const held = await acquire("locked");
        appendFileSync(${JSON.stringify(file)}, "<");
        await sleep(2);
        appendFileSync(${JSON.stringify(file)}, ">");
        held.release();
      }
      process.exit(0);`;
    const codes = await Promise.all([1, 2, 3].map(() => once(inChild(body), "exit")));
    expect(codes.map(([code]) => code)).toEqual([0, 0, 0]);
    expect(readFileSync(file, "utf8")).toBe("<>".repeat(30));
  });

  test("waits for those who share it, says so once, and goes on when they are killed", async () => {
    const other = HOLD("shared");
    await said(other);
    let waits = 0;
    const waiting = mounts.acquire({ ...use, sharing: "locked" }, make, { onWait: () => waits++ });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(waits).toBe(1);
    other.kill("SIGKILL");
    (await waiting).release();
    expect(waits).toBe(1);
  });

  test("stops waiting when told to, and others get their turn", async () => {
    const first = await mounts.acquire({ ...use, sharing: "locked" }, make);
    const controller = new AbortController();
    const { signal } = controller;
    const second = mounts.acquire({ ...use, sharing: "locked" }, make, { signal });
    const third = mounts.acquire(use, make);
    controller.abort(new Error("stop"));
    await expect(second).rejects.toThrow("stop");
    first.release();
    (await third).release();
  });

  test("lets go when making it fails", async () => {
    const failing = async () => {
      throw new Error("no seed");
    };
    await expect(mounts.acquire({ ...use, sharing: "locked" }, failing)).rejects.toThrow("no seed");
    (await mounts.acquire({ ...use, sharing: "locked" }, make)).release();
  });
});

describe("private", () => {
  test("who comes second has another folder, and free ones are used again", async () => {
    const own = { ...use, sharing: "private" } as const;
    const first = await mounts.acquire(own, makeWith("one"));
    const other = HOLD("private");
    expect(await said(other)).toBe(`${first.name}-1`);
    const third = await mounts.acquire(own, makeWith("three"));
    expect(third.name).toBe(`${first.name}-2`);
    first.release();
    const again = await mounts.acquire(own, make);
    expect(again.name).toBe(first.name);
    expect(readdirSync(again.folder)).toEqual(["one"]);
    expect(mounts.list().map(({ name, id }) => [name, id])).toEqual([
      [first.name, "/cache"],
      [`${first.name}-1`, "/cache"],
      [`${first.name}-2`, "/cache"],
    ]);
    again.release();
    third.release();
  });

  test("does not take a folder that others share", async () => {
    const shared = await mounts.acquire(use, make);
    const own = await mounts.acquire({ ...use, sharing: "private" }, make);
    expect(own.folder).not.toBe(shared.folder);
    own.release();
    shared.release();
  });
});

describe("a seed", () => {
  const seeded = { ...use, hasSeed: true };

  test("fills a mount that is new or was left empty, and no other", async () => {
    (await mounts.acquire(use, make)).release();
    expect(mounts.needsSeed(seeded)).toBe(true);
    const held = await mounts.acquire(seeded, makeWith("seed"));
    expect(readdirSync(held.folder)).toEqual(["seed"]);
    held.release();
    expect(mounts.needsSeed(seeded)).toBe(false);
    (await mounts.acquire(seeded, makeWith("other"))).release();
    expect(readdirSync(held.folder)).toEqual(["seed"]);
  });

  test("does not come to a mount that others have in use, who would see it appear", async () => {
    const first = await mounts.acquire(use, make);
    const second = await mounts.acquire(seeded, makeWith("seed"));
    expect(readdirSync(second.folder)).toEqual([]);
    first.release();
    second.release();
  });
});

describe("facts", () => {
  test("say when it was made, when it was used, where, and what it took", async () => {
    (await mounts.acquire(use, make)).release();
    const { name, folder } = mounts.list()[0]!;
    mounts.noteSize(name, 77);
    const { id, project } = use;
    const facts = {
      ...{ name, folder, id, project, owner, target: "/cache", sharing: "shared" },
      ...{ createdMs: 1000, sizeBytes: 77 },
    };
    expect(mounts.list()).toEqual([{ ...facts, usedMs: 1000, isStale: false }]);
    nowMs = 5000;
    (await mounts.acquire({ ...use, target: "/other" }, make)).release();
    expect(mounts.list()).toEqual([{ ...facts, target: "/other", usedMs: 5000, isStale: true }]);
  });

  test("may be lost without losing the mount", async () => {
    const held = await mounts.acquire(use, makeWith("kept"));
    held.release();
    store.records.delete("mount", held.name);
    expect(mounts.list()).toMatchObject([{ name: held.name, isStale: true }]);
    expect(mounts.list()[0]).not.toHaveProperty("id");
    const again = await mounts.acquire(use, make);
    expect(readdirSync(again.folder)).toEqual(["kept"]);
    again.release();
  });
});

describe("remove", () => {
  const discard = async (folder: string) => rmSync(dirname(folder), { recursive: true });

  test("takes nothing that is in use, here or elsewhere, and what is free with its record", async () => {
    const other = HOLD("shared");
    const name = await said(other);
    expect(await mounts.remove(name, discard)).toBe(false);
    other.kill("SIGKILL");
    await once(other, "exit");
    const held = await mounts.acquire(use, make);
    expect(await mounts.remove(name, discard)).toBe(false);
    held.release();
    expect(await mounts.remove(name, discard)).toBe(true);
    expect(existsSync(held.folder)).toBe(false);
    expect(mounts.list()).toEqual([]);
  });

  test("while builds come and go leaves none without its mount", async () => {
    const body = `
      for (let i = 0; i < 60; i++) {
        const held = await acquire(["shared", "locked", "private"][i % 3]);
        appendFileSync(held.folder + "/file", "x");
        held.release();
      }
      process.exit(0);`;
    const ended = [1, 2].map(() => once(inChild(body), "exit"));
    let isOver = false;
    const all = Promise.all(ended).finally(() => {
      isOver = true;
    });
    let count = 0;
    while (!isOver) {
      for (const { name } of mounts.list()) if (await mounts.remove(name, discard)) count++;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect((await all).map(([code]) => code)).toEqual([0, 0]);
    expect(count).toBeGreaterThan(0);
  });
});
