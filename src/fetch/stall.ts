/** Less than this in one window is no transfer: at 30 s it is 136 bytes a second. */
const MIN_WINDOW_BYTES = 4096;

export type StallLimits = { readonly windowMs: number; readonly now: () => number };

/**
 * Passes `source` on and breaks off when it trickles: a server that sends a byte now and then is never idle, and would
 * hold a build for ever. Counted is only time spent in waiting for the source, so a slow reader is not blamed on it.
 * A source that sends nothing at all is its idle timeout's business.
 * @throws what `failure` makes.
 */
export async function* withoutStalls(
  source: AsyncIterable<Uint8Array>,
  limits: StallLimits,
  failure: (reason: string) => unknown,
): AsyncGenerator<Uint8Array> {
  let waitedMs = 0;
  let bytes = 0;
  let askedMs = limits.now();
  for await (const chunk of source) {
    waitedMs += limits.now() - askedMs;
    bytes += chunk.byteLength;
    if (bytes >= MIN_WINDOW_BYTES) {
      waitedMs = 0;
      bytes = 0;
    } else if (waitedMs > limits.windowMs) {
      throw failure(`${bytes} bytes in ${Math.round(waitedMs / 1000)} s`);
    }
    yield chunk;
    askedMs = limits.now();
  }
}
