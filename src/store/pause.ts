import { setTimeout as sleep } from "node:timers/promises";

/** Waits without blocking. @throws the signal's own reason, where Node would throw an AbortError around it. */
export async function pause(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  try {
    await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
