import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
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
