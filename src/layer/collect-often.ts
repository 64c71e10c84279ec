import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { readonly type: "minor" }) => void;

/** Between two collections of the young generation, which take 1 to 2 ms each. */
const EVERY_BYTES = 16 << 20;

let collect: Collect | undefined;
let uncollected = 0;

/**
 * Counts bytes of buffers that were left behind and that nobody can free, and has V8 collect them every 16 MB. By itself
 * V8 lets them come to twice its young generation: 100 MB in the main thread, for which no smaller one can be set once
 * it runs. Such are the parts that undici joins when several wait in a socket.
 */
export function collectOften(bytes: number): void {
  uncollected += bytes;
  if (uncollected < EVERY_BYTES) return;
  uncollected = 0;
  collect ??= collector();
  collect({ type: "minor" });
}

/**
 * The function that `node --expose-gc` has as a global; it is made for the contexts that come after the flag. Flags are
 * the process's, so another thread that does the same may take it back in between.
 */
function collector(): Collect {
  for (let attempt = 0; attempt < 100; attempt++) {
    setFlagsFromString("--expose-gc");
    const found = runInNewContext("globalThis.gc") as Collect | undefined;
    setFlagsFromString("--no-expose-gc");
    if (found !== undefined) return found;
  }
  // V8 collects by itself, only later.
  return () => undefined;
}
