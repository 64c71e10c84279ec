import type { Emit } from "../events.ts";
import { pause } from "../store/pause.ts";
import { FetchFailure } from "./failure.ts";

export type RetryPolicy = { readonly retries: number; readonly backoffMs: number };

/** What is tried again, and who hears of it. */
export type RetrySubject = {
  readonly signal?: AbortSignal | undefined;
  readonly tell: (reason: string, waitMs: number) => void;
};

/** Counts the failures of one transfer. */
export type Retries = {
  /**
   * Waits before another attempt. `reached` says how far the transfer is: if that moved since the last failure, the
   * count begins anew, as a long download over a bad line should end some day.
   * @throws the CambiumError of `thrown` when its failure will not pass; what is no FetchFailure as it is.
   */
  wait(thrown: unknown, reached: number): Promise<void>;
};

/** A name that does not resolve hardly ever does a second later; the user should hear of it soon. */
const SOON_RETRIES = 2;
const MAX_BACKOFF_MS = 20_000;

export function createRetries(policy: RetryPolicy, { signal, tell }: RetrySubject): Retries {
  let failures = 0;
  let attempts = 0;
  let farthest = 0;
  return {
    async wait(thrown, reached) {
      if (!(thrown instanceof FetchFailure)) throw thrown;
      const { verdict } = thrown;
      // A server that sends a little and cuts, always, must not keep us for ever.
      if (reached > farthest && attempts < 20 * policy.retries) failures = 0;
      attempts++;
      farthest = Math.max(reached, farthest);
      const limit = verdict.retry === "soon" ? Math.min(SOON_RETRIES, policy.retries) : policy.retries;
      if (verdict.retry === "never" || failures >= limit) throw verdict.error;
      const waitMs = verdict.retryAfterMs ?? backoff(policy.backoffMs, failures);
      failures++;
      tell(verdict.reason, waitMs);
      await pause(waitMs, signal);
    },
  };
}

/**
 * Runs `attempt` until it succeeds or its failure will not pass. `attempt` is told its number, from 0.
 * `progress` says how far it came (see `Retries`).
 * @throws the CambiumError of the last attempt, or the signal's reason.
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  subject: RetrySubject,
  attempt: (number: number) => Promise<T>,
  progress: () => number = () => 0,
): Promise<T> {
  const retries = createRetries(policy, subject);
  for (let number = 0; ; number++) {
    subject.signal?.throwIfAborted();
    try {
      return await attempt(number);
    } catch (thrown) {
      await retries.wait(thrown, progress());
    }
  }
}

/** Tells of retries as a download's. */
export function downloadRetries(
  emit: Emit,
  id: string,
  name: string,
  signal: AbortSignal | undefined,
): RetrySubject {
  return { signal, tell: (reason, waitMs) => emit({ type: "download-retry", id, name, reason, waitMs }) };
}

/** Exponential with half of it random, so that many clients of a recovering server do not come back as one. */
function backoff(firstMs: number, failures: number): number {
  const fullMs = Math.min(MAX_BACKOFF_MS, firstMs * 2 ** failures);
  return Math.round(fullMs * (0.5 + Math.random() / 2));
}
