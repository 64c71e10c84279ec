import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { prune } from "../../src/actions/prune.ts";

/**
 * A process of its own that prunes the store `argv[2]` of all that may go, again and again until the file `argv[3]` is
 * there, and prints how often it did and how many things went: for builds that run beside it.
 */
const [, , storeRoot, stop] = process.argv;
let rounds = 0;
let removed = 0;
do {
  const result = await prune({
    ...{
      storeRoot: storeRoot!,
      env: process.env,
      signal: new AbortController().signal,
      emit: () => undefined,
    },
    ...{ keepUsedWithinMs: 0, maxBytes: 0, takesTagged: true, isDryRun: false },
  });
  removed += result.removed.reduce((sum, { count }) => sum + count, 0);
  rounds += 1;
  await sleep(1);
} while (rounds < 2_000 && !existsSync(stop!));
process.stdout.write(`${JSON.stringify({ rounds, removed })}\n`);
