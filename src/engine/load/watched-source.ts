/** A source that remembers what it threw, whatever the stream that reads it makes of that. */
export type WatchedSource = {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Of the source itself: an error of the reader, which streams hand back to it, is not one. */
  readonly failure: { readonly error: unknown } | undefined;
};

export function watchedSource(source: AsyncIterable<Uint8Array>, onFailure?: () => void): WatchedSource {
  let failure: WatchedSource["failure"];
  const iterator = source[Symbol.asyncIterator]();
  const next = async () => {
    try {
      return await iterator.next();
    } catch (error) {
      failure = { error };
      onFailure?.();
      throw error;
    }
  };
  // Without `throw`: a stream that breaks would raise its own error inside of the source.
  const end = async () => (await iterator.return?.()) ?? { done: true as const, value: undefined };
  return {
    bytes: { [Symbol.asyncIterator]: () => ({ next, return: end }) },
    get failure() {
      return failure;
    },
  };
}
