/**
 * One after another, by name, within this thread. Each waits for the one before it, whatever came of that.
 * @throws the signal's reason when aborted while waiting; the turn then passes on.
 */
export class NamedQueue {
  readonly #tails = new Map<string, Promise<void>>();

  async run<T>(
    name: string,
    work: () => Promise<T>,
    options: { signal?: AbortSignal | undefined; onWait?: (() => void) | undefined } = {},
  ): Promise<T> {
    const before = this.#tails.get(name);
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    const tail = before === undefined ? done : before.then(() => done);
    this.#tails.set(name, tail);
    try {
      if (before !== undefined) {
        options.onWait?.();
        await abortable(before, options.signal);
      }
      return await work();
    } finally {
      finish();
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
    }
  }
}

async function abortable(turn: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return turn;
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([turn, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
