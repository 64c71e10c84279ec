import type { Emit } from "../events.ts";
import { pause } from "../store/pause.ts";
import { FetchFailure } from "./failure.ts";

export type RetryPolicy = { readonly retries: number; readonly backoffMs: number };

/** A name that does not resolve hardly ever does a second later; the user should hear of it soon. */
const SOON_RETRIES = 2;
const MAX_BACKOFF_MS = 20_000;

/**
 * Runs `attempt` until it succeeds or its failure will not pass. `attempt` is told its number, from 0.
 * `progress` may say that bytes arrived since: then the count begins anew, as a long download over a bad line should
 * end some day.
 * @throws the CambiumError of the last attempt, or the signal's reason.
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  subject: { id: string; name: string; emit: Emit; signal?: AbortSignal | undefined },
  attempt: (number: number) => Promise<T>,
  progress: () => number = () => 0,
): Promise<T> {
  let failures = 0;
  let reached = progress();
  for (let number = 0; ; number++) {
    subject.signal?.throwIfAborted();
    try {
      return await attempt(number);
    } catch (thrown) {
      if (!(thrown instanceof FetchFailure)) throw thrown;
      const { verdict } = thrown;
      const now = progress();
      // A server that sends a little and cuts, always, must not keep us for ever.
      if (now > reached && number < 20 * policy.retries) failures = 0;
      reached = Math.max(now, reached);
      const limit = verdict.retry === "soon" ? Math.min(SOON_RETRIES, policy.retries) : policy.retries;
      if (verdict.retry === "never" || failures >= limit) throw verdict.error;
      const waitMs = verdict.retryAfterMs ?? backoff(policy.backoffMs, failures);
      failures++;
      const { id, name } = subject;
      subject.emit({ type: "download-retry", id, name, reason: verdict.reason, waitMs });
      await pause(waitMs, subject.signal);
    }
  }
}

/** Exponential with half of it random, so that many clients of a recovering server do not come back as one. */
function backoff(firstMs: number, failures: number): number {
  const fullMs = Math.min(MAX_BACKOFF_MS, firstMs * 2 ** failures);
  return Math.round(fullMs * (0.5 + Math.random() / 2));
}
