import type { Store } from "../store/store.ts";
import type { Job, JobResult } from "./jobs.ts";
import type { ThreadPool } from "./thread-pool.ts";

/**
 * Jobs of together up to this many bytes are done on the spot: starting a thread takes about 50 ms, which is what
 * hashing and inflating 4 MB takes too.
 */
const INLINE_LIMIT = 4 << 20;

/** Does jobs here while they are little, and on all cores from then on. */
export class WorkerPool {
  /** Jobs that are worth having under way at once. */
  readonly size: number;
  /** What the threads put into the store; known once they are closed. */
  addedBytes = 0;
  readonly #store: Store;
  #threads: Promise<ThreadPool> | undefined;
  #inlineBytes = 0;

  constructor(store: Store, size: number) {
    this.#store = store;
    this.size = Math.max(1, size);
  }

  /** `weight`: bytes to work through. */
  async run(job: Job, weight: number): Promise<JobResult> {
    if (this.#inlineBytes + weight <= INLINE_LIMIT) {
      this.#inlineBytes += weight;
      const { runJob } = await import("./jobs.ts");
      return runJob(job, this.#store);
    }
    this.#threads ??= this.#startThreads();
    return (await this.#threads).run(job, weight);
  }

  /** Ends the threads; what still waits is rejected. */
  async close(): Promise<void> {
    const threads = await this.#threads;
    await threads?.close();
    this.addedBytes = threads?.addedBytes ?? 0;
  }

  async #startThreads(): Promise<ThreadPool> {
    const { ThreadPool } = await import("./thread-pool.ts");
    return new ThreadPool(this.#store.root, this.size);
  }
}
