import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { isatty } from "node:tty";
import type { World } from "./world.ts";

/** The process: its arguments, streams and signals as a world, and the exit code of what `main` makes of them. */
async function enter(): Promise<void> {
  useCompileCache();
  // After the cache is on, or it would not hold these.
  const [{ main }, { library }] = await Promise.all([import("./main.ts"), import("./library.ts")]);
  const world: World = {
    env: process.env,
    cwd: process.cwd(),
    homeDir: homedir(),
    stdout: process.stdout,
    stderr: process.stderr,
    isStdinTTY: isatty(0),
    now: Date.now,
    signal: abortOnSignals(),
    library,
  };
  endQuietlyWithoutReader(process.stdout);
  endQuietlyWithoutReader(process.stderr);
  const exitCode = await main(process.argv.slice(2), world);
  // Sockets kept alive would hold the process for seconds, so it does not wait for an empty event loop.
  await Promise.all([flush(process.stdout), flush(process.stderr)]);
  process.exit(exitCode);
}

/**
 * Compiled code is kept in the store, if there is one already: `--help` must not create it. Saves 60 of 130 ms.
 */
function useCompileCache(): void {
  const { CAMBIUM_ROOT, XDG_CACHE_HOME, HOME } = process.env;
  const root = CAMBIUM_ROOT || join(XDG_CACHE_HOME || join(HOME || homedir(), ".cache"), "cambium");
  if (existsSync(root)) enableCompileCache(join(root, "compile-cache"));
}

/** The first signal asks the command to stop and tidy up, the second ends the process. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  }
  return controller.signal;
}

/** `cambium … | head` is no error. */
function endQuietlyWithoutReader(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 1);
  });
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}

await enter();
