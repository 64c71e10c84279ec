import { Worker } from "node:worker_threads";
import { CambiumError } from "../errors.ts";
import type { Job, JobResult } from "./jobs.ts";
import { unpackError, type WorkerAnswer } from "./worker-messages.ts";

type Waiting = {
  readonly job: Job;
  readonly weight: number;
  readonly resolve: (result: JobResult) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * A thread makes buffers and forgets them at once, and V8 collects them only when they come to twice its young
 * generation. With V8's own 48 MB for that, a thread at a wheel of 767 MB grew by 100 MB more, and was no faster.
 */
const YOUNG_GENERATION_MB = 12;

/**
 * Runs jobs on all cores, the heaviest waiting one first, since a large one that starts last makes everybody wait.
 * Threads start when there is work for them and end with `close`.
 */
export class ThreadPool {
  /** What its jobs put into the store. */
  addedBytes = 0;
  readonly #storeRoot: string;
  readonly #size: number;
  readonly #entry: URL;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Waiting>();
  #waiting: Waiting[] = [];

  constructor(storeRoot: string, size: number) {
    this.#storeRoot = storeRoot;
    this.#size = size;
    // Source runs unbuilt as .ts; the bundle has the same file as .js beside its entry.
    this.#entry = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);
  }

  /** `weight`: bytes to work through. */
  run(job: Job, weight: number): Promise<JobResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, weight, resolve, reject });
      this.#waiting.sort((a, b) => a.weight - b.weight);
      this.#start();
    });
  }

  /** Ends the threads; what still waits is rejected. */
  async close(): Promise<void> {
    const aborted = new CambiumError("ABORTED", "the build was interrupted");
    for (const { reject } of [...this.#waiting, ...this.#busy.values()]) reject(aborted);
    this.#waiting = [];
    const workers = [...this.#idle, ...this.#busy.keys()];
    this.#busy.clear();
    this.#idle.length = 0;
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  #start(): void {
    while (this.#waiting.length > 0) {
      const worker = this.#idle.pop() ?? (this.#busy.size < this.#size ? this.#newWorker() : undefined);
      if (worker === undefined) return;
      const next = this.#waiting.pop() as Waiting;
      this.#busy.set(worker, next);
      // Only a thread at work keeps the process alive.
      worker.ref();
      worker.postMessage(next.job);
    }
  }

  #newWorker(): Worker {
    const worker = new Worker(this.#entry, {
      workerData: { root: this.#storeRoot },
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    worker.on("message", (answer: WorkerAnswer) => {
      this.addedBytes += answer.addedBytes;
      const done = this.#busy.get(worker);
      if (done === undefined) return;
      this.#busy.delete(worker);
      worker.unref();
      this.#idle.push(worker);
      if ("result" in answer) done.resolve(answer.result);
      else done.reject(unpackError(answer.error));
      this.#start();
    });
    // A thread that dies (out of memory, a bug) fails its job, never hangs the build.
    worker.on("error", (error) => {
      const failed = this.#busy.get(worker);
      this.#busy.delete(worker);
      failed?.reject(error);
      this.#start();
    });
    return worker;
  }
}
