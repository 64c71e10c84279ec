import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestOf } from "../layer/digest.ts";
import type { Segment, SegmentId } from "../layer/segment.ts";
import { lockPath } from "./lock.ts";
import { prune } from "./prune.ts";
import { openStore, type Store } from "./store.ts";

let root: string;
let store: Store;
const children: ChildProcess[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cambium-lock-"));
  store = openStore(root);
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  store.close();
  rmSync(root, { recursive: true, force: true });
});

/** A program's beginning: a store on the same folder, and `say`, `sleep`, `appendFileSync` and `digestOf`. */
function header(): string {
  const from = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  return `
    import { appendFileSync } from "node:fs";
    import { setTimeout as sleep } from "node:timers/promises";
    import { openStore } from ${from("./store.ts")};
    import { digestOf } from ${from("../layer/digest.ts")};
    const store = openStore(${JSON.stringify(root)});
    const say = (text) => process.stdout.write(text + "\\n");`;
}

/** Another process that runs `body` after the header. */
function inChild(body: string): ChildProcess {
  const script = `${header()}\n${body}`;
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

describe("exclusive", () => {
  test("runs one after another within a process, in order", async () => {
    const steps: string[] = [];
    await Promise.all(
      ["a", "b", "c"].map((name) =>
        store.exclusive("n", async () => {
          steps.push(`${name} in`);
          await new Promise((resolve) => setTimeout(resolve, 5));
          steps.push(`${name} out`);
        }),
      ),
    );
    expect(steps).toEqual(["a in", "a out", "b in", "b out", "c in", "c out"]);
  });

  test("does not make different names wait, also one within the other", async () => {
    expect(await store.exclusive("a", () => store.exclusive("b", async () => "both"))).toBe("both");
  });

  test("passes an error on, and the next one runs", async () => {
    const failing = store.exclusive("n", async () => {
      throw new Error("work failed");
    });
    const next = store.exclusive("n", async () => "next");
    await expect(failing).rejects.toThrow("work failed");
    expect(await next).toBe("next");
  });

  test("two threads of one process exclude each other too", async () => {
    const file = join(root, "lines");
    const body = `
      for (let i = 0; i < 150; i++) {
        await store.exclusive("n", async () => {
          appendFileSync(${JSON.stringify(file)}, "<");
          await sleep(0);
          appendFileSync(${JSON.stringify(file)}, ">");
        });
      }`;
    const child = inChild(`
      import { Worker } from "node:worker_threads";
      const source = ${JSON.stringify(header() + body)};
      const url = new URL("data:text/javascript," + encodeURIComponent(source));
      const exits = [1, 2].map(() => new Promise((resolve) => new Worker(url).on("exit", resolve)));
      process.exit(Math.max(...(await Promise.all(exits))));`);
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(readFileSync(file, "utf8")).toBe("<>".repeat(300));
  });

  test("four processes that each add 25 lines in two steps never mix", async () => {
    const file = join(root, "lines");
    const body = `
      for (let i = 0; i < 25; i++) {
        await store.exclusive("n", async () => {
          appendFileSync(${JSON.stringify(file)}, "<");
          await sleep(1);
          appendFileSync(${JSON.stringify(file)}, ">");
        });
      }`;
    const codes = await Promise.all(Array.from({ length: 4 }, () => once(inChild(body), "exit")));
    expect(codes.map(([code]) => code)).toEqual([0, 0, 0, 0]);
    expect(readFileSync(file, "utf8")).toBe("<>".repeat(100));
  });

  test("waits for another process, says so once, and goes on as soon as that one is killed", async () => {
    const holder = inChild(`await store.exclusive("n", async () => { say("held"); await sleep(60_000); });`);
    expect(await said(holder)).toBe("held");
    let waits = 0;
    const steps: string[] = [];
    const waiting = store.exclusive("n", async () => steps.push("ours"), { onWait: () => waits++ });
    await new Promise((resolve) => setTimeout(resolve, 150));
    steps.push("killed");
    holder.kill("SIGKILL");
    await waiting;
    expect(steps).toEqual(["killed", "ours"]);
    expect(waits).toBe(1);
  });

  test("stops waiting when told to, for another process or for this one", async () => {
    const reason = new Error("stop");
    const holder = inChild(`await store.exclusive("n", async () => { say("held"); await sleep(60_000); });`);
    await said(holder);
    const controller = new AbortController();
    const signal = controller.signal;
    const outside = store.exclusive("n", async () => "never", { signal });
    const inside = store.exclusive("n", async () => "never", { signal });
    setTimeout(() => controller.abort(reason), 20);
    await expect(outside).rejects.toBe(reason);
    await expect(inside).rejects.toBe(reason);
    holder.kill("SIGKILL");
    expect(await store.exclusive("n", async () => "free again")).toBe("free again");
  });
});

describe("prune", () => {
  const old = { keepUsedWithinMs: 1000, isKept: () => false };
  const DAY_MS = 86_400_000;

  function putOld(text: string, ageSec = 3600) {
    const digest = store.blobs.put(new TextEncoder().encode(text));
    const then = Date.now() / 1000 - ageSec;
    utimesSync(store.blobs.path(digest), then, then);
    return digest;
  }

  test("removes what nobody keeps, leases or used lately", () => {
    const gone = putOld("gone");
    const kept = putOld("kept");
    const leased = putOld("leased");
    const fresh = store.blobs.put(new TextEncoder().encode("fresh"));
    const lease = store.lease();
    lease.protect([leased]);
    const result = prune(store, { ...old, isKept: (digest) => digest === kept });
    expect(result).toMatchObject({ removedBlobs: 1, removedBytes: 4, keptBytes: 15 });
    expect([gone, kept, leased, fresh].map((digest) => store.blobs.has(digest))).toEqual([
      false,
      true,
      true,
      true,
    ]);
    lease.release();
    expect(prune(store, old).removedBlobs).toBe(2);
  });

  test("with a size to reach removes the least recently used first, and no more", () => {
    const ages = [30, 10, 20].map((age) => putOld(`${age}`, age * 1000));
    prune(store, { ...old, maxBytes: 4 });
    expect(ages.map((digest) => store.blobs.has(digest))).toEqual([false, true, true]);
  });

  test("a segment goes with its blob, others stay", () => {
    const gone = putOld("gone");
    const kept = putOld("kept");
    const segmentOn = (blob: typeof gone): Segment => ({
      id: digestOf(`on ${blob}`).slice(7) as SegmentId,
      recipe: { ecosystem: "files", layoutVersion: 1, source: blob, options: {} },
      ...{ name: "x", key: "x", mtimeSec: 0, entries: [], sizeBytes: 0, blobs: [blob] },
    });
    store.segments.put(segmentOn(gone));
    store.segments.put(segmentOn(kept));
    prune(store, { ...old, isKept: (digest) => digest === kept });
    expect([...store.segments.list()]).toEqual([segmentOn(kept).id]);
  });

  test("a lease lives as long as its process, and a kill ends it", async () => {
    const digest = putOld("theirs");
    const child = inChild(`
      const lease = store.lease();
      lease.protect([digestOf("theirs")]);
      say("leased");
      await sleep(60_000);`);
    await said(child);
    expect(prune(store, old).removedBlobs).toBe(0);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(prune(store, old).removedBlobs).toBe(1);
    expect(store.blobs.has(digest)).toBe(false);
    expect(readdirSync(join(root, "leases-v1"))).toEqual(["prune.guard"]);
  });

  test("locks go when they are a day old and free", async () => {
    const path = (name: string) => lockPath(join(root, "locks-v1"), name);
    const names = ["free", "held", "fresh"];
    for (const name of names) await store.exclusive(name, async () => undefined);
    const then = (Date.now() - 2 * DAY_MS) / 1000;
    for (const name of ["free", "held"]) utimesSync(path(name), then, then);
    await store.exclusive("held", async () => {
      expect(prune(store, old).removedLocks).toBe(1);
    });
    expect(names.map((name) => existsSync(path(name)))).toEqual([false, true, true]);
    expect(await store.exclusive("free", async () => "again")).toBe("again");
  });

  test("temporaries go when they are a day old and their process is gone", async () => {
    const child = inChild("");
    await once(child, "exit");
    const hex = "0".repeat(18);
    const names = [
      `${child.pid}-${hex}`,
      `${process.pid}-${hex}`,
      `${child.pid}-${hex.replace("0", "1")}`,
      "mine",
    ];
    for (const name of names) writeFileSync(join(root, "tmp", name), "");
    const then = (Date.now() - 2 * DAY_MS) / 1000;
    for (const name of [names[0]!, names[1]!, names[3]!]) utimesSync(join(root, "tmp", name), then, then);
    expect(prune(store, old).removedTemporaries).toBe(1);
    expect(readdirSync(join(root, "tmp")).sort()).toEqual(names.slice(1).sort());
  });
});
