import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { mountsBelow } from "../support/engine-place.ts";
import { cgroupsOf, processesMountedIn, processesWith, runsIn } from "../support/left-behind.ts";
import { needs } from "../support/needs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const isReady = needs("root", "runc", "setpriv", "unshare", "mount");
const builder = fileURLToPath(new URL("../support/step-in-process.ts", import.meta.url));
const kills = 20;
/** Files and a daemon; long enough that most kills meet it. */
const script =
  "(sleep 4321 &); i=0; while [ $i -lt 200 ]; do echo $i > /data/$i; i=$((i+1)); done; rm /data/one; mv /data/deep /d";

test.runIf(isReady)(
  `${kills} builders killed at any moment leave no mount, no process and a right store`,
  async () => {
    using folder = temporaryFolder();
    using clean = temporaryFolder();
    const started = performance.now();
    const want = await buildStep(clean.path);
    const usualMs = performance.now() - started;
    expect(want).toMatch(/sha256:[0-9a-f]{64}\n$/);
    const ids = new Set<string>();
    for (let round = 0; round < kills; round++) {
      // From the very start to beyond the end, evenly.
      await buildStep(folder.path, ((round + 0.5) / kills) * usualMs * 1.1);
      // The kernel buries what it killed a moment later.
      for (const name of runsIn(folder.path)) ids.add(name.slice(0, 16));
      await eventually(
        () => processesMountedIn(folder.path).length === 0 && processesWith("4321").length === 0,
      );
    }
    expect(mountsBelow(folder.path)).toEqual([]);
    expect(processesMountedIn(folder.path)).toEqual([]);
    expect(processesWith("4321")).toEqual([]);
    expect(await buildStep(folder.path)).toBe(want);
    expect(runsIn(folder.path)).toEqual([]);
    expect(ids.size).toBeGreaterThan(0);
    expect(cgroupsOf(ids)).toEqual([]);
  },
);

/** What the builder printed; nothing when it was killed. */
async function buildStep(store: string, killAfterMs?: number): Promise<string> {
  const child = spawn(process.execPath, [builder, store, script], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += String(chunk);
  });
  const closed = once(child, "exit");
  if (killAfterMs !== undefined) {
    await Promise.race([closed, sleep(killAfterMs)]);
    child.kill("SIGKILL");
  }
  await closed;
  return text;
}

async function eventually(isSo: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 100 && !isSo(); attempt++) await sleep(50);
}
