/**
 * One short process at a store's records, for tests: `record-writer.ts ROOT NAME COUNT ENDING`. Tells each record on
 * stdout once `put` has returned, so that the caller knows what must never be lost. ENDING: `close`, `exit` (without
 * closing), `hang` (waits to be killed), `thread` (the same from two threads at once, then exit).
 */
import { writeSync } from "node:fs";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { openStore } from "../../src/store/store.ts";

type Task = { readonly root: string; readonly name: string; readonly count: number; readonly ending: string };

const [, , root = "", name = "", count = "", ending = ""] = process.argv;
const task: Task = isMainThread ? { root, name, count: Number(count), ending } : (workerData as Task);

async function work({ root, name, count, ending }: Task): Promise<void> {
  const store = openStore(root);
  const lease = store.lease();
  for (let n = 0; n < count; n++) {
    // As a build does: a look first, a lock around the work, then the record.
    store.records.get("stress", `${name}-${n - 1}`);
    await store.exclusive(`stress ${n % 3}`, async () => {
      store.records.put("stress", `${name}-${n}`, { name, n, text: "x".repeat(200) });
    });
    writeSync(1, `${name}-${n}\n`);
  }
  if (ending === "close") {
    lease.release();
    store.close();
  }
}

if (isMainThread && task.ending === "thread") {
  const threads = [0, 1].map(
    (n) =>
      new Worker(new URL(import.meta.url), {
        workerData: { ...task, name: `${task.name}.${n}`, ending: "exit" },
      }),
  );
  await work({ ...task, ending: "exit" });
  await Promise.all(threads.map((thread) => new Promise((resolve) => thread.once("exit", resolve))));
} else {
  await work(task);
}
if (isMainThread) {
  if (task.ending === "hang") setInterval(() => undefined, 1000);
  else if (task.ending !== "close") process.exit(0);
}
